namespace Gnomon.Guests.Tests.Paper;

/// <summary>What a look into the guest's tables gives.</summary>
internal enum WalkEnd
{
    Mapped,
    Device,
    GuestFault,
}

/// <summary>
/// The most obvious shadow: two-level tables whatever the guest uses, filled one page at a time, thrown away at every change that is
/// more than one page. Correct by having nothing to remember.
/// </summary>
internal sealed class PaperShadow
{
    public const uint SwitcherAddress = 0xFFC0_0000;
    private const uint Present = 1;
    private const uint Write = 2;
    private const uint User = 4;
    private const uint Accessed = 0x20;
    private const uint Dirty = 0x40;
    private const uint Large = 0x80;

    private readonly PaperMemory _memory;
    private readonly bool _pae;
    private readonly Action<string> _kill;
    private uint _nextTable;

    public PaperShadow(PaperMemory memory, bool pae, Action<string> kill)
    {
        _memory = memory;
        _pae = pae;
        _kill = kill;
        Root = memory.HostBase;
        SwitcherTable = Root + PaperMemory.PageBytes;
        FirstHostPage = SwitcherTable + PaperMemory.PageBytes;
        Clear();
    }

    public uint Root { get; }

    public uint SwitcherTable { get; }

    /// <summary>Three pages for the Switcher: code, registers, state.</summary>
    public uint FirstHostPage { get; }

    /// <summary>The guest's top table; null while it runs in linear mode.</summary>
    public uint? Top { get; set; }

    public bool IsPae => _pae;

    public uint DeviceBytes { get; set; }

    public void Clear()
    {
        _memory.Bytes(Root, PaperMemory.PageBytes).Clear();
        _memory.Write32(Root + 0xFFC, SwitcherTable | Present | Write);
        _nextTable = FirstHostPage + (3 * PaperMemory.PageBytes);
    }

    /// <summary>Forgets one page.</summary>
    public void Drop(uint address)
    {
        uint table = _memory.Read32(Root + (address >> 22 << 2));
        if ((table & Present) != 0)
        {
            _memory.Write32((table & ~0xFFFu) + ((address >> 12 & 1023) << 2), 0);
        }
    }

    /// <summary>Fills in the page of an address if the guest's tables allow the access; A and D are set in the guest's leaf.</summary>
    /// <param name="address">The address, not in the Switcher's range.</param>
    /// <param name="code">Bits 1 and 2 of the error code: write, user.</param>
    /// <param name="fault">The error code that the guest sees.</param>
    public WalkEnd Fill(uint address, uint code, out uint fault)
    {
        if (!Walk(address, code, out fault, out ulong frame, out bool writable, out bool user))
        {
            return WalkEnd.GuestFault;
        }

        uint at = (uint)frame;
        WalkEnd end = WalkEnd.Mapped;
        ulong windows = _memory.GuestBytes + (1UL << 20);
        if (frame >= windows && frame < windows + DeviceBytes)
        {
            at = PaperMemory.DeviceBase + (uint)(frame - windows);
            end = WalkEnd.Device;
        }
        else if (frame >= _memory.GuestBytes)
        {
            _kill($"page {frame >> 12:x} is not in memory");
            return WalkEnd.GuestFault;
        }

        uint slot = Root + (address >> 22 << 2);
        uint table = _memory.Read32(slot);
        if ((table & Present) == 0)
        {
            if (_nextTable >= _memory.HostEnd)
            {
                Clear();
            }

            table = _nextTable | Present | Write | User;
            _nextTable += PaperMemory.PageBytes;
            _memory.Bytes(table & ~0xFFFu, PaperMemory.PageBytes).Clear();
            _memory.Write32(slot, table);
        }

        _memory.Write32((table & ~0xFFFu) + ((address >> 12 & 1023) << 2), at | Present | Accessed | Dirty | (writable ? Write : 0) | (user ? User : 0));
        return end;
    }

    /// <summary>Where the host finds a byte of the guest, as supervisor; null where there is none.</summary>
    public uint? Translate(uint address, bool write) =>
        address < SwitcherAddress && Walk(address, write ? Write : 0, out _, out ulong frame, out _, out _) && frame < _memory.GuestBytes
            ? (uint)frame + (address & 0xFFF)
            : null;

    private bool Walk(uint address, uint code, out uint fault, out ulong frame, out bool writable, out bool user)
    {
        fault = code & (Write | User);
        frame = address & ~0xFFFu;
        writable = true;
        user = true;
        if (Top is not { } top)
        {
            user = false;
            fault |= (code & User) != 0 ? Present : 0;
            return (code & User) == 0;
        }

        int levels = _pae ? 3 : 2;
        ulong table = top & (_pae ? ~31u : ~0xFFFu);
        uint leafAt = 0;
        for (int level = levels; level > 0; level--)
        {
            int shift = _pae ? 12 + (9 * (level - 1)) : 12 + (10 * (level - 1));
            uint index = address >> shift & (_pae ? (level == 3 ? 3u : 511u) : 1023u);
            uint size = _pae ? 8u : 4u;
            if (!_memory.IsGuest(table, PaperMemory.PageBytes) && !(_pae && level == 3 && _memory.IsGuest(table, 32)))
            {
                _kill($"table {table:x} is not in memory");
                return false;
            }

            leafAt = (uint)table + (index * size);
            ulong entry = _pae ? _memory.Read64(leafAt) : _memory.Read32(leafAt);
            if ((entry & Present) == 0)
            {
                return false;
            }

            if (_pae && (entry & 0xFFFF_FFF0_0000_0000) != 0)
            {
                fault |= Present | 8;
                return false;
            }

            bool hasRights = !(_pae && level == 3);
            writable &= !hasRights || (entry & Write) != 0;
            user &= !hasRights || (entry & User) != 0;
            table = entry & 0xF_FFFF_F000;
            if (level == 2 && (entry & Large) != 0)
            {
                uint span = (1u << shift) - 1;
                table = (table & ~(ulong)span) + (address & span & ~0xFFFu);
                break;
            }
        }

        frame = table;
        if (((code & Write) != 0 && !writable) || ((code & User) != 0 && !user))
        {
            fault |= Present;
            return false;
        }

        uint before = _memory.Read32(leafAt);
        uint after = before | Accessed | ((code & Write) != 0 ? Dirty : 0);
        _memory.Write32(leafAt, after);
        writable &= (after & Dirty) != 0;
        return true;
    }
}
