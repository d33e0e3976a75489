namespace Gnomon.Cpu.Events;

/// <summary>A descriptor of 8 bytes as it was read from a table (Intel SDM vol. 3, 3.4.5, 5.8.3, 6.11, 7.2.2).</summary>
/// <param name="Selector">The selector that named it; for a gate of the interrupt table zero.</param>
/// <param name="Address">Its linear address.</param>
/// <param name="Value">Its bytes.</param>
//  31           24 23 22 21 20 19      16 15 14 13 12 11    8 7          0
//  +--------------+--+---+--+---+---------+--+-----+--+-------+-----------+
//  |  base 31:24  | G|D/B| -|AVL|lim 19:16| P| DPL | S| type  | base 23:16|  High
//  +--------------+--+---+--+---+---------+--+-----+--+-------+-----------+
//  |          base 15:0                   |         limit 15:0            |  Low
//  +--------------------------------------+-------------------------------+
internal readonly record struct Descriptor(ushort Selector, uint Address, ulong Value)
{
    /// <summary>An error code's bit: the fault came about while an event from outside the program was delivered.</summary>
    public const uint External = 1;

    /// <summary>An error code's bit: the index is one of the interrupt table.</summary>
    public const uint InInterruptTable = 2;

    private const uint AccessMask = 0xF0FF;

    private uint Low => (uint)Value;

    private uint High => (uint)(Value >> 32);

    /// <summary>The type field, 0 … 15.</summary>
    public int Type => (int)(High >> 8) & 0xF;

    /// <summary>Whether it is a system segment or a gate.</summary>
    public bool IsSystem => (High & 0x1000) == 0;

    /// <summary>The privilege level.</summary>
    public int Dpl => (int)(High >> 13) & 3;

    /// <summary>The P bit.</summary>
    public bool IsPresent => (High & 0x8000) != 0;

    /// <summary>Whether it is a code segment.</summary>
    public bool IsCode => (High & 0x1800) == 0x1800;

    /// <summary>Whether it is a code segment that runs with its caller's privilege.</summary>
    public bool IsConforming => (High & 0x1C00) == 0x1C00;

    /// <summary>Whether it is a data segment that may be written.</summary>
    public bool IsWritable => (High & 0x1A00) == 0x1200;

    /// <summary>Whether it is a data segment, or a code segment that may be read.</summary>
    public bool IsReadable => (High & 0x1800) == 0x1000 || (High & 0x1A00) == 0x1A00;

    /// <summary>Whether the accessed bit is set.</summary>
    public bool IsAccessed => (High & 0x100) != 0;

    /// <summary>Whether it is a task state that no task on the chain uses, 16 or 32 bits.</summary>
    public bool IsAvailableTask => IsSystem && Type is SystemType.Task16 or SystemType.Task32;

    /// <summary>Whether it is a task state in use.</summary>
    public bool IsBusyTask => IsSystem && Type is SystemType.BusyTask16 or SystemType.BusyTask32;

    /// <summary>A segment's base.</summary>
    public uint Base => (Low >> 16) | ((High & 0xFF) << 16) | (High & 0xFF00_0000);

    /// <summary>A segment's limit in bytes.</summary>
    public uint Limit
    {
        get
        {
            uint limit = (Low & 0xFFFF) | (High & 0xF_0000);
            return (High & 0x80_0000) != 0 ? (limit << 12) | 0xFFF : limit;
        }
    }

    /// <summary>What <see cref="SegmentRegister.Access"/> keeps.</summary>
    public int Access => (int)((High >> 8) & AccessMask);

    /// <summary>A gate's selector.</summary>
    public ushort GateSelector => (ushort)(Low >> 16);

    /// <summary>A gate's offset, 16 or 32 bits by its type.</summary>
    public uint GateOffset => (Low & 0xFFFF) | (IsGate32 ? High & 0xFFFF_0000 : 0);

    /// <summary>Whether a gate or task state is the 32-bit kind.</summary>
    public bool IsGate32 => (Type & 8) != 0;

    /// <summary>How many parameters a call gate copies, 0 … 31.</summary>
    public int GateParameters => (int)High & 0x1F;

    /// <summary>The error code that names its selector.</summary>
    public uint ErrorCode => Selector & ~3u;

    /// <summary>Loads a segment register with it.</summary>
    /// <param name="register">The register.</param>
    /// <param name="selector">What software will see.</param>
    public void LoadTo(ref SegmentRegister register, ushort selector) =>
        register.Load(selector, Base, Limit, IsSystem ? Access : Access | 1);
}

/// <summary>The types of system descriptors (Intel SDM vol. 3, table 3-2).</summary>
internal static class SystemType
{
    public const int Task16 = 1;
    public const int LocalTable = 2;
    public const int BusyTask16 = 3;
    public const int CallGate16 = 4;
    public const int TaskGate = 5;
    public const int InterruptGate16 = 6;
    public const int TrapGate16 = 7;
    public const int Task32 = 9;
    public const int BusyTask32 = 11;
    public const int CallGate32 = 12;
    public const int InterruptGate32 = 14;
    public const int TrapGate32 = 15;

    /// <summary>The bit of a task state's type that says it is in use.</summary>
    public const byte Busy = 2;
}
