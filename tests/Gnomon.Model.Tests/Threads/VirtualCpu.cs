using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Model.Tests.Threads;

/// <summary>One virtual CPU's thread: walks the shadows without a lock, keeps translations, reads and writes through them.</summary>
internal sealed class VirtualCpu
{
    private readonly RacedGuest _guest;
    private readonly HostMemory _host;
    private readonly ShadowCpu _cpu;
    private readonly Tlb _tlb = new();
    private readonly Random _random;
    private readonly Race _race;
    private readonly Dictionary<uint, ulong> _written = [];
    private ulong _counter;

    public VirtualCpu(RacedGuest guest, Race race, int number, int seed)
    {
        _guest = guest;
        _host = guest.Memory.Host;
        _cpu = guest.Mmu.Cpu(number);
        _race = race;
        _random = new Random(seed);
        _cpu.Mailbox.Attach(_tlb);
    }

    /// <summary>Accesses done.</summary>
    public long Accesses { get; private set; }

    /// <summary>Translations that it dropped because it was asked to.</summary>
    public long Dropped => _tlb.Dropped;

    /// <summary>Runs until the race ends; stops at quiet points.</summary>
    public void Run()
    {
        while (_race.IsRunning)
        {
            _cpu.Mailbox.Enter();
            for (int i = 0; i < 200 && _race.IsRunning && !_race.IsPausing; i++)
            {
                _cpu.Mailbox.Poll();
                if (_random.Next(12) == 0)
                {
                    ChangeTable();
                }
                else
                {
                    TouchData();
                }

                Accesses++;
            }

            _cpu.Mailbox.Leave();
            _race.PauseIfAsked();
        }
    }

    private unsafe void TouchData()
    {
        uint index = (uint)_random.Next(RacedGuest.Window);
        bool write = _random.Next(2) == 0;
        if (!TryTranslate(index << 12, write, out Pfn frame, out _))
        {
            return;
        }

        // SAFETY: the translation holds until this thread polls its mailbox; that is what the test is about.
        ulong* page = (ulong*)_host.Address(frame);
        ulong tag = Volatile.Read(ref page[0]);
        uint number = (uint)tag;
        if (tag != RacedGuest.TagOf(number) || (number - RacedGuest.FirstData) % RacedGuest.Classes != index % RacedGuest.Classes)
        {
            throw new InvalidOperationException($"cpu {_cpu.Number}: address {index} led to a page that says 0x{tag:x}");
        }

        ulong seen = Volatile.Read(ref page[1 + _cpu.Number]);
        if (seen != _written.GetValueOrDefault(number))
        {
            throw new InvalidOperationException($"cpu {_cpu.Number}: page {number} holds {seen}, {_written.GetValueOrDefault(number)} was written last");
        }

        if (write)
        {
            Volatile.Write(ref page[1 + _cpu.Number], ++_counter);
            _written[number] = _counter;
        }
    }

    // Stores a new entry where the guest's kernel sees its own table, then says so. Each CPU has entries of its own.
    private unsafe void ChangeTable()
    {
        uint index = (uint)(_random.Next(RacedGuest.Window / _race.Cpus) * _race.Cpus) + (uint)_cpu.Number;
        if (index >= RacedGuest.Window)
        {
            return;
        }

        uint page = RacedGuest.FirstData + (index % RacedGuest.Classes) + (uint)(_random.Next(RacedGuest.DataPages / RacedGuest.Classes) * RacedGuest.Classes);
        ulong flags = _random.Next(8) switch { 0 => 0, 1 => 0x05, 2 => 0x25, 3 => 0x07, 4 => 0x27, _ => 0x67 };
        ulong entry = flags == 0 ? 0 : ((ulong)page << 12) | flags;
        uint address = _guest.TablesWindow + (uint)(_guest.EntryOf(index) & 0xFFF);
        if (TryTranslate(address, true, out Pfn frame, out Gpa? caught))
        {
            byte* place = _host.Address(frame) + (address & 0xFFF);
            if (_guest.EntrySize == 8)
            {
                Volatile.Write(ref *(ulong*)place, entry);
            }
            else
            {
                Volatile.Write(ref *(uint*)place, (uint)entry);
            }
        }
        else if (caught is null)
        {
            return;
        }

        Outside(() =>
        {
            if (caught is { } store)
            {
                PageStatus status = _guest.Memory.Write(store, BitConverter.GetBytes(entry).AsSpan(0, _guest.EntrySize));
                if (status != PageStatus.Ok)
                {
                    throw new InvalidOperationException($"a caught store failed: {status}");
                }
            }

            _guest.Tell(_cpu.Number, index, entry);
        });
    }

    private bool TryTranslate(uint address, bool write, out Pfn frame, out Gpa? caught)
    {
        caught = null;
        PageFaultCode code = write ? PageFaultCode.Write : PageFaultCode.None;
        while (!_tlb.TryGet(address, write, out frame))
        {
            if (Walk(address, code, out HardwareTranslation translation))
            {
                frame = translation.Frame;
                _tlb.Fill(address, translation);
                return true;
            }

            FaultOutcome outcome = default;
            Outside(() => outcome = _guest.Mmu.DemandPage(_cpu.Number, new Gva(address), code));
            if (outcome.Kind != FaultKind.Mapped)
            {
                caught = outcome.Kind == FaultKind.Watched ? outcome.Address : null;
                return false;
            }
        }

        return true;
    }

    private bool Walk(uint address, PageFaultCode code, out HardwareTranslation translation) => _guest.IsPae
        ? HardwareWalk<Pae>.TryTranslate(_host, _cpu.Root, new Gva(address), new PageAccess(code), PagingControls.All, out translation, out _)
        : HardwareWalk<TwoLevel>.TryTranslate(_host, _cpu.Root, new Gva(address), new PageAccess(code), PagingControls.All, out translation, out _);

    // A virtual CPU is outside the guest while it waits for the lock and holds it.
    private void Outside(Action action)
    {
        _cpu.Mailbox.Leave();
        lock (_guest.Memory.Gate)
        {
            action();
        }

        _cpu.Mailbox.Enter();
    }
}
