using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gnomon.Cpu.Execution;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Cpu.Memory;

/// <summary>How memory is used.</summary>
[Flags]
internal enum AccessKind
{
    Read = 1,
    Write = 2,
    ReadWrite = Read | Write,
}

/// <summary>
/// Linear memory where the fast path does not reach: TLB misses, accesses that cross a page, devices, pages with decoded code,
/// watched data addresses. Every access is checked as a whole before any of it is done.
/// </summary>
/// <remarks>An access is prepared, which gives a pointer to its bytes or to a copy of them, and, where it writes, committed. Either may
/// refuse: then the reason is in <see cref="CpuState.Pending"/>, nothing has happened, and the instruction gives up.</remarks>
// SAFETY: host pointers come from PhysicalMemory.Find or a TLB entry filled from it, which are dropped before the page can go;
// the staging buffer is native and as long as the longest access.
internal sealed unsafe class LinearMemory : IDisposable
{
    /// <summary>The longest access: an FXSAVE image.</summary>
    public const int LongestAccess = 512;

    private readonly CpuState* _state;
    private readonly PhysicalMemory _physical;
    private readonly BlockCache _blocks;
    private readonly TablePages _pages;
    private readonly byte* _staging;
    private readonly byte* _openBus;
    private PhysicalTables _tables;
    private WalkResult _walk;
    private Place _first;
    private Place _second;
    private uint _stagedAddress;
    private uint _stagedSize;
    private uint _savedResult;
    private uint _savedCarries;

    public LinearMemory(CpuState* state, PhysicalMemory physical, BlockCache blocks)
    {
        _state = state;
        _physical = physical;
        _pages = new TablePages(physical);
        _tables = new PhysicalTables(_pages);
        _blocks = blocks;
        _staging = (byte*)NativeMemory.AllocZeroed(LongestAccess + 64);
        _openBus = (byte*)NativeMemory.AlignedAlloc(PageSize.Bytes, PageSize.Bytes);
        new Span<byte>(_openBus, PageSize.Bytes).Fill(0xFF);
        Supervisor = new SoftTlb();
        User = new SoftTlb();
        None = new SoftTlb();
        Log = new AccessLog();
    }

    /// <summary>Translations for CPL 0 to 2.</summary>
    public SoftTlb Supervisor { get; }

    /// <summary>Translations for CPL 3.</summary>
    public SoftTlb User { get; }

    /// <summary>Never filled: stands in while accesses are checked for alignment or for watched addresses.</summary>
    public SoftTlb None { get; }

    /// <summary>What the current instruction has already exchanged with ports and devices.</summary>
    public AccessLog Log { get; }

    /// <summary>What is intercepted.</summary>
    public Intercepts Intercepts { get; set; }

    /// <summary>The pages that accesses are redirected from (<see cref="Processor.Redirect"/>), or null.</summary>
    public Redirection? Redirection { get; set; }

    /// <summary>Walks done.</summary>
    public long Walks { get; private set; }

    /// <summary>The exit that was recorded last.</summary>
    public CpuExit Exit { get; set; }

    /// <summary>Prepares an access of the current privilege.</summary>
    /// <param name="address">The linear address.</param>
    /// <param name="size">Bytes, 1 … <see cref="LongestAccess"/>.</param>
    /// <param name="kind">What is done with them.</param>
    /// <returns>Where the bytes are, or null.</returns>
    public byte* Prepare(uint address, uint size, AccessKind kind) => Prepare(address, size, kind, _state->Cpl == 3);

    /// <summary>Prepares an access of a given privilege.</summary>
    public byte* Prepare(uint address, uint size, AccessKind kind, bool user)
    {
        if ((_state->Mode & BlockMode.AlignmentChecked) != 0 && user && !IsAligned(address, size))
        {
            Ops.Raise(_state, Vector.AlignmentCheck, 0);
            return null;
        }

        // What the fast path of handlers does inline: most of what comes here is cold code, not a cold page.
        bool write = (kind & AccessKind.Write) != 0;
        TlbEntry* known = (user ? User : Supervisor).Data + ((address >> PageSize.Shift) & (SoftTlb.Entries - 1));
        if (((address + (size - 1)) & ~PageSize.OffsetMask) == (write ? known->WriteTag : known->ReadTag))
        {
            return (byte*)known->Delta + address;
        }

        uint inFirst = PageSize.Bytes - (address & PageSize.OffsetMask);
        if (!TryPlace(address, write, user, ref _first))
        {
            return null;
        }

        if (size <= inFirst)
        {
            NoteDebugHit(address, size, write);
            if (_first.IsPlain(write))
            {
                return _first.Host;
            }
        }
        else
        {
            if (!TryPlace(address + inFirst, write, user, ref _second))
            {
                return null;
            }

            NoteDebugHit(address, size, write);
        }

        _stagedAddress = address;
        _stagedSize = size;
        _savedResult = _state->Result;
        _savedCarries = _state->Carries;
        return (kind & AccessKind.Read) == 0 || TryGather(size, inFirst) ? _staging : null;
    }

    /// <summary>Finishes a write that was prepared, with its bytes standing at the pointer.</summary>
    /// <returns>False when it became an exit: the status flags are as they were when it was prepared.</returns>
    public bool Commit(byte* place)
    {
        if (place != _staging)
        {
            return true;
        }

        uint inFirst = PageSize.Bytes - (_stagedAddress & PageSize.OffsetMask);
        uint firstSize = Math.Min(_stagedSize, inFirst);
        if (!TryScatter(ref _first, _staging, firstSize)
            || (_stagedSize > firstSize && !TryScatter(ref _second, _staging + firstSize, _stagedSize - firstSize)))
        {
            _state->Result = _savedResult;
            _state->Carries = _savedCarries;
            return false;
        }

        return true;
    }

    /// <summary>Translates a fetch. On a refusal the reason is pending.</summary>
    /// <returns>The entry, or null.</returns>
    public FetchEntry* TranslateFetch(uint address)
    {
        bool user = _state->Cpl == 3;
        SoftTlb tlb = user ? User : Supervisor;
        FetchEntry* entry = tlb.FindFetch(address);
        if (entry != null)
        {
            return entry;
        }

        if (!TryTranslate(address, write: false, user, fetch: true))
        {
            return null;
        }

        PhysicalPage page = _physical.Find(_walk.Physical >> PageSize.Shift, write: false);
        if (page.Kind == PhysicalPageKind.Refused)
        {
            Refuse(page, _walk.Physical | (address & PageSize.OffsetMask), write: false);
            return null;
        }

        // Devices are not executed: the bus reads as all ones there, which is no instruction.
        byte* host = page.Kind == PhysicalPageKind.Memory ? (byte*)page.Address : _openBus;
        if (tlb.FillFetch(address, host, page.Version, _walk.Global) is { } gone)
        {
            _blocks.ForgetJumps(gone);
        }

        return tlb.FindFetch(address);
    }

    /// <summary>What lies at a physical page: for tables that the processor reads itself.</summary>
    public PhysicalPage FindPhysical(ulong page) => _physical.Find(page, write: false);

    /// <summary>Drops all translations, or all but global ones, and what jumps have found through them.</summary>
    public void Flush(bool keepGlobal)
    {
        Supervisor.Flush(keepGlobal);
        User.Flush(keepGlobal);
        _pages.Forget();
        _blocks.ForgetJumps();
    }

    /// <summary>Drops the translations of one page, global or not, and what jumps to it have found.</summary>
    public void FlushPage(uint address)
    {
        _pages.Forget();
        FetchesGone gone = Supervisor.FlushPage(address) | User.FlushPage(address);
        if ((gone & FetchesGone.Several) != 0)
        {
            _blocks.ForgetJumps();
        }
        else if (gone != FetchesGone.None)
        {
            _blocks.ForgetJumps(address);
        }
    }

    /// <summary>Code was decoded from a host page: stores to it must come this way from now on.</summary>
    public void ProtectPage(byte* host)
    {
        Supervisor.ProtectPage(host);
        User.ProtectPage(host);
    }

    /// <summary>Records an exit and stops the instruction.</summary>
    public void Leave(in CpuExit exit)
    {
        Exit = exit;
        _state->Pending = Pending.Exit;
    }

    public void Dispose()
    {
        Supervisor.Dispose();
        User.Dispose();
        None.Dispose();
        _pages.Dispose();
        NativeMemory.Free(_staging);
        NativeMemory.AlignedFree(_openBus);
    }

    // The natural alignment of the access; images of many bytes are checked by their elements, as the SDM lists them (vol. 3, table 6-7).
    // Intel SDM vol. 3, table 6-7. 14 and 94 bytes are the x87 images of a 16-bit operand size.
    private static bool IsAligned(uint address, uint size)
    {
        uint natural = size switch { 1 => 1, 2 or 14 or 94 => 2, 8 or 10 => 8, 512 => 16, _ => 4 };
        return (address & (natural - 1)) == 0;
    }

    private bool TryPlace(uint address, bool write, bool user, ref Place place)
    {
        for (Redirection? redirection = Redirection; redirection is not null; redirection = redirection.Next)
        {
            if (redirection.Page == (address & ~PageSize.OffsetMask) && (write ? redirection.Writes : redirection.Reads))
            {
                place = new Place { Physical = redirection.Physical + (address & PageSize.OffsetMask), IsDevice = true };
                return true;
            }
        }

        if (!TryTranslate(address, write, user, fetch: false))
        {
            return false;
        }

        ulong physical = _walk.Physical + (address & PageSize.OffsetMask);
        PhysicalPage page = _physical.Find(physical >> PageSize.Shift, write);
        if (page.Kind == PhysicalPageKind.Refused)
        {
            Refuse(page, physical, write);
            return false;
        }

        if (page.Kind == PhysicalPageKind.Device)
        {
            place = new Place { Physical = physical, IsDevice = true };
            return true;
        }

        byte* host = (byte*)page.Address;
        bool code = write && _blocks.HasCode(host);
        if (_state->Dr7 == 0 || !DebugAddresses.Touch(_state, address & ~PageSize.OffsetMask, PageSize.Bytes))
        {
            (user ? User : Supervisor).Fill(address, host, write && !code, _walk.Global, _walk.Large);
        }

        place = new Place { Host = host + (address & PageSize.OffsetMask), Physical = physical, IsCode = code };
        return true;
    }

    private bool TryTranslate(uint address, bool write, bool user, bool fetch)
    {
        _walk.Global = false;
        _walk.Large = false;
        if ((_state->Cr0 & Cr0.Paging) == 0)
        {
            _walk.Physical = address & ~PageSize.OffsetMask;
            return true;
        }

        Walks++;
        PageAccess access = new((write ? PageFaultCode.Write : 0) | (user ? PageFaultCode.User : 0) | (fetch ? PageFaultCode.Fetch : 0));
        PagingControls controls = ControlsOf(_state);
        WalkStatus status;
        if ((_state->Cr4 & Cr4.PhysicalAddressExtension) == 0)
        {
            status = HardwareWalk<TwoLevel>.Walk(ref _tables, _state->Cr3 & 0xFFFF_F000, 2, address, access, controls, ref _walk);
        }
        else
        {
            ulong pointer = _state->Pointers[address >> 30];
            if ((pointer & PageEntry.Present) == 0)
            {
                PageFaultCode code = access.Code;
                _walk.Code = (controls & PagingControls.NoExecute) == 0 ? code & ~PageFaultCode.Fetch : code;
                status = WalkStatus.Fault;
            }
            else
            {
                status = HardwareWalk<Pae>.Walk(ref _tables, pointer & Pae.AddressMask, 2, address, access, controls, ref _walk);
            }
        }

        switch (status)
        {
            case WalkStatus.Ok:
                _walk.Global &= (_state->Cr4 & Cr4.GlobalPages) != 0;
                return true;
            case WalkStatus.Fault:
                RaisePageFault(address, (uint)_walk.Code);
                return false;
            default:
                Leave(new CpuExit { Reason = CpuExitReason.NestedFault, Physical = _walk.Physical, Code = (uint)_walk.Code, IsWrite = _walk.RefusedWrite, Address = address });
                return false;
        }
    }

    /// <summary>What the control registers say about a walk.</summary>
    public static PagingControls ControlsOf(CpuState* state) =>
        ((state->Cr0 & Cr0.WriteProtect) != 0 ? PagingControls.WriteProtect : 0)
        | ((state->Cr4 & Cr4.PageSizeExtensions) != 0 ? PagingControls.LargePages : 0)
        | ((state->Efer & Efer.NoExecuteEnable) != 0 ? PagingControls.NoExecute : 0);

    private void RaisePageFault(uint address, uint code)
    {
        if ((Intercepts & Intercepts.PageFault) != 0)
        {
            Leave(new CpuExit { Reason = CpuExitReason.PageFault, Address = address, Code = code, IsWrite = (code & 2) != 0 });
            return;
        }

        _state->Cr2 = address;
        _state->FaultAddress = address;
        Ops.Raise(_state, Vector.PageFault, code);
    }

    private void Refuse(in PhysicalPage page, ulong physical, bool write) =>
        Leave(new CpuExit { Reason = CpuExitReason.NestedFault, Physical = physical, Code = page.Code, IsWrite = write });

    private bool TryGather(uint size, uint inFirst)
    {
        uint firstSize = Math.Min(size, inFirst);
        return TryGather(ref _first, _staging, firstSize)
            && (size <= firstSize || TryGather(ref _second, _staging + firstSize, size - firstSize));
    }

    private bool TryGather(ref Place place, byte* target, uint size)
    {
        if (!place.IsDevice)
        {
            Unsafe.CopyBlockUnaligned(target, place.Host, size);
            return true;
        }

        for (uint done = 0; done < size;)
        {
            uint part = AccessLog.PartOf(size - done);
            if (!Log.TryNext(out ulong value))
            {
                Leave(new CpuExit { Reason = CpuExitReason.Device, Physical = place.Physical + done, Size = (byte)part });
                return false;
            }

            Unsafe.CopyBlockUnaligned(target + done, (byte*)&value, part);
            done += part;
        }

        return true;
    }

    private bool TryScatter(ref Place place, byte* source, uint size)
    {
        if (!place.IsDevice)
        {
            Unsafe.CopyBlockUnaligned(place.Host, source, size);
            if (place.IsCode)
            {
                _blocks.Stored(place.Host, size);
            }

            return true;
        }

        for (uint done = 0; done < size;)
        {
            uint part = AccessLog.PartOf(size - done);
            if (!Log.TryNext(out _))
            {
                ulong value = 0;
                Unsafe.CopyBlockUnaligned((byte*)&value, source + done, part);
                Leave(new CpuExit { Reason = CpuExitReason.Device, Physical = place.Physical + done, Size = (byte)part, IsWrite = true, Value = value });
                return false;
            }

            done += part;
        }

        return true;
    }

    private void NoteDebugHit(uint address, uint size, bool write)
    {
        if (_state->Dr7 != 0)
        {
            _state->DebugHits |= DebugAddresses.Hits(_state, address, size, write);
        }
    }

    private struct Place
    {
        public byte* Host;
        public ulong Physical;
        public bool IsDevice;
        public bool IsCode;

        public readonly bool IsPlain(bool write) => !IsDevice && !(write && IsCode);
    }
}
