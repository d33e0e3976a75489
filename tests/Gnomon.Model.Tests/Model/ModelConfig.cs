namespace Gnomon.Model.Tests.Model;

/// <summary>How the guest says what it changed, as far as the model cares.</summary>
public enum ModelCoherence
{
    /// <summary>It tells.</summary>
    Notified,

    /// <summary>Its stores are seen.</summary>
    Watched,

    /// <summary>Its stores to leaf tables are not seen until INVLPG or a load.</summary>
    Lazy,
}

/// <summary>What the obvious model must know of the guest. Shares nothing with the code under test.</summary>
public sealed record ModelConfig
{
    /// <summary>PAE, else two-level.</summary>
    public bool Pae { get; init; }

    /// <summary>A guest that believes it is alone.</summary>
    public bool Unmodified { get; init; }

    /// <summary>How changes are learnt.</summary>
    public ModelCoherence Coherence { get; init; }

    /// <summary>Guest pages.</summary>
    public uint Pages { get; init; } = 64;

    /// <summary>Where the kernel half begins.</summary>
    public uint Kernel { get; init; } = 0xC000_0000;

    /// <summary>Where the Switcher begins; ignored for unmodified guests.</summary>
    public uint Switcher { get; init; } = 0xFFC0_0000;

    /// <summary>The original's severity.</summary>
    public bool Strict { get; init; }

    /// <summary>Virtual CPUs.</summary>
    public int Cpus { get; init; } = 1;

    /// <summary>First page and number of pages of device windows.</summary>
    public IReadOnlyList<(uint First, uint Count)> Devices { get; init; } = [];

    /// <summary>Pages that are holes.</summary>
    public IReadOnlyList<uint> Holes { get; init; } = [];

    /// <summary>Pages that can only be read.</summary>
    public IReadOnlyList<uint> ReadOnly { get; init; } = [];

    /// <summary>Levels of the format.</summary>
    public int Levels => Pae ? 3 : 2;

    /// <summary>Bytes of an entry.</summary>
    public int EntrySize => Pae ? 8 : 4;

    /// <summary>Entries of the top table.</summary>
    public uint TopEntries => Pae ? 4u : 1024u;

    /// <summary>What a load of CR3 keeps of the address.</summary>
    public ulong TopMask => Pae ? ~0x1FUL : ~0xFFFUL;

    /// <summary>Whether a page number lies in a device window.</summary>
    public bool IsDevice(ulong page)
    {
        foreach ((uint first, uint count) in Devices)
        {
            if (page >= first && page < (ulong)first + count)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether an address belongs to the Switcher's range.</summary>
    public bool InSwitcher(uint address) => !Unmodified && address >= Switcher;

    /// <summary>The index into a table of a level.</summary>
    public uint IndexOf(uint address, int level) => (Pae, level) switch
    {
        (false, 2) => address >> 22,
        (false, _) => (address >> 12) & 0x3FF,
        (true, 3) => address >> 30,
        (true, 2) => (address >> 21) & 0x1FF,
        (true, _) => (address >> 12) & 0x1FF,
    };

    /// <summary>The physical address in an entry.</summary>
    public ulong AddressOf(ulong entry) => Pae ? entry & 0xF_FFFF_F000 : entry & 0xFFFF_F000;
}
