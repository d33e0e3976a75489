namespace Gnomon.Shadow.Tests.Fixture;

/// <summary>A virtual CPU as the engine sees it: a TLB, else a walk of the shadows, on a fault the engine, and again.</summary>
internal sealed class TestProcessor
{
    private const int Patience = 4;

    private readonly TestGuest _guest;
    private readonly ShadowCpu _state;

    public TestProcessor(TestGuest guest, int number)
    {
        _guest = guest;
        _state = guest.Mmu.Cpu(number);
        _state.Mailbox.Attach(Tlb);
    }

    public TestTlb Tlb { get; } = new();

    /// <summary>One access; the answer is the guest-physical address, or whose matter it is.</summary>
    public string Access(uint address, string kind)
    {
        PageAccess access = TraceWords.Kind(kind);
        for (int attempt = 0; attempt < Patience; attempt++)
        {
            // Guest code runs between Enter and Leave: what was posted meanwhile is dropped first.
            _state.Mailbox.Enter();
            bool found = TryTranslate(address, access, out string page);
            _state.Mailbox.Leave();
            if (found)
            {
                return page;
            }

            FaultOutcome outcome = _guest.Then(() => _guest.Mmu.DemandPage(_state.Number, new Gva(address), access.Code));
            if (outcome.Kind == FaultKind.Watched)
            {
                _guest.Then(() => _guest.Memory.ReportStore(outcome.Address, _guest.Shape.EntrySize));
                return TraceWords.Hex(outcome.Address.Value);
            }

            if (outcome.Kind != FaultKind.Mapped)
            {
                return TraceWords.Of(outcome);
            }
        }

        throw _guest.Broken($"{kind} at 0x{address:x} faults for ever although the engine says that the page is mapped");
    }

    /// <summary>A store by guest code: it lands in the frame that the shadows name, or, at a watched page, is performed by the executor.</summary>
    public string Store(uint address, ReadOnlySpan<byte> bytes, string mode)
    {
        PageAccess access = TraceWords.Kind("w" + mode);
        for (int attempt = 0; attempt < Patience; attempt++)
        {
            if (_guest.Mmu.TryWalkShadow(_state.Number, new Gva(address), access, out HardwareTranslation hit))
            {
                bytes.CopyTo(_guest.Host.Bytes(hit.Frame)[(int)(address & 0xFFF)..]);
                return "stored";
            }

            FaultOutcome outcome = _guest.Then(() => _guest.Mmu.DemandPage(_state.Number, new Gva(address), access.Code));
            if (outcome.Kind == FaultKind.Watched)
            {
                _guest.Store(outcome.Address.Value, bytes.ToArray());
                return "watched";
            }

            if (outcome.Kind != FaultKind.Mapped)
            {
                return TraceWords.Of(outcome);
            }
        }

        throw _guest.Broken($"a store at 0x{address:x} faults for ever");
    }

    private bool TryTranslate(uint address, PageAccess access, out string translation)
    {
        translation = "switcher";
        if (!Tlb.TryFind(_state.Root, address, access, out (Pfn Frame, Gfn? Page) found))
        {
            if (!_guest.Mmu.TryWalkShadow(_state.Number, new Gva(address), access, out HardwareTranslation hit))
            {
                return false;
            }

            found = (hit.Frame, _guest.Mmu.TryGetGuestPage(_state.Number, new Gva(address), out Gfn page) ? page : null);
            Tlb.Fill(_state.Root, address, access, found);
        }

        if (found.Page is Gfn guestPage)
        {
            // The frame that the processor uses is the one that backs the page, now.
            Assert.Equal(_guest.Memory.Page(guestPage).Frame, found.Frame);
            translation = TraceWords.Hex(guestPage.Address.Value + (address & 0xFFF));
        }

        return true;
    }
}
