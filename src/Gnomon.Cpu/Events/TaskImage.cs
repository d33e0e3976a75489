using static Gnomon.Cpu.Events.SystemMemory;

namespace Gnomon.Cpu.Events;

/// <summary>What a task switch saves in and loads from a task state (Intel SDM vol. 3, figures 7-2 and 7-10).</summary>
// SAFETY: the state is that of a live Processor; indices into the buffers are below their lengths.
internal unsafe struct TaskImage
{
    /// <summary>The limit that a 32-bit task state needs.</summary>
    public const uint SmallestLimit32 = 0x67;

    /// <summary>The limit that a 16-bit task state needs.</summary>
    public const uint SmallestLimit16 = 0x2B;

    private const uint Directory32 = 0x1C;
    private const uint Saved32 = 0x20;
    private const uint Selectors32 = 0x48;
    private const uint Table32 = 0x60;
    private const uint Trap32 = 0x64;
    private const uint Saved16 = 0x0E;
    private const uint Selectors16 = 0x22;
    private const uint Table16 = 0x2A;
    private const int GeneralRegisters = 8;
    private const int AllSelectors = 6;
    private const int OldSelectors = 4;

    private fixed uint _registers[GeneralRegisters];
    private fixed ushort _selectors[AllSelectors];
    private uint _eip;
    private uint _flags;
    private ushort _table;

    /// <summary>CR3; zero in a 16-bit task state, which has none.</summary>
    public uint Directory { get; private set; }

    /// <summary>EFLAGS.</summary>
    public readonly uint Eflags => _flags;

    /// <summary>The T bit: a debug trap is wanted.</summary>
    public bool Traps { get; private set; }

    /// <summary>Reads a task state.</summary>
    /// <param name="c">The state.</param>
    /// <param name="base">Where it lies.</param>
    /// <param name="wide">Whether it is a 32-bit one.</param>
    /// <param name="image">What is in it.</param>
    /// <returns>False: the reason is recorded.</returns>
    public static bool TryRead(CpuState* c, uint @base, bool wide, out TaskImage image)
    {
        image = default;
        uint size = wide ? 4u : 2u;
        uint at = @base + (wide ? Saved32 : Saved16);
        bool read = SystemMemory.TryRead(c, at, size, out image._eip) && SystemMemory.TryRead(c, at + size, size, out image._flags);
        for (int i = 0; read && i < GeneralRegisters; i++)
        {
            read = SystemMemory.TryRead(c, at + (size * (uint)(i + 2)), size, out image._registers[i]);
        }

        at = @base + (wide ? Selectors32 : Selectors16);
        for (int i = 0; read && i < (wide ? AllSelectors : OldSelectors); i++)
        {
            read = SystemMemory.TryRead(c, at + (size * (uint)i), 2, out uint selector);
            image._selectors[i] = (ushort)selector;
        }

        uint table = 0;
        read = read && SystemMemory.TryRead(c, @base + (wide ? Table32 : Table16), 2, out table);
        image._table = (ushort)table;
        uint directory = 0;
        uint trap = 0;
        if (wide)
        {
            read = read && SystemMemory.TryRead(c, @base + Directory32, 4, out directory) && SystemMemory.TryRead(c, @base + Trap32, 2, out trap);
        }

        image.Directory = directory;
        image.Traps = (trap & 1) != 0;
        return read;
    }

    /// <summary>Whether the state of the current task can be saved: pages are checked.</summary>
    public static bool TryProbe(CpuState* c, uint @base, bool wide)
    {
        uint first = @base + (wide ? Saved32 : Saved16);
        uint end = @base + (wide ? Table32 : Table16);
        return Find(c, first, end - first, write: true, user: false) != null;
    }

    /// <summary>Saves the current task.</summary>
    /// <param name="c">The state.</param>
    /// <param name="base">Where.</param>
    /// <param name="wide">Whether it is a 32-bit task state.</param>
    /// <param name="eip">Where it goes on.</param>
    /// <param name="eflags">Its flags.</param>
    public static bool TrySave(CpuState* c, uint @base, bool wide, uint eip, uint eflags)
    {
        uint size = wide ? 4u : 2u;
        uint at = @base + (wide ? Saved32 : Saved16);
        bool written = TryWrite(c, at, size, eip) && TryWrite(c, at + size, size, eflags);
        for (int i = 0; written && i < GeneralRegisters; i++)
        {
            written = TryWrite(c, at + (size * (uint)(i + 2)), size, c->Registers[i]);
        }

        at = @base + (wide ? Selectors32 : Selectors16);
        for (int i = 0; written && i < (wide ? AllSelectors : OldSelectors); i++)
        {
            written = TryWrite(c, at + (size * (uint)i), 2, c->Segments[i].Selector);
        }

        return written;
    }

    /// <summary>Loads everything but CR3 and the segments' hidden parts: no access is allowed through them yet.</summary>
    public readonly void Load(CpuState* c, uint eflags)
    {
        for (int i = 0; i < GeneralRegisters; i++)
        {
            c->Registers[i] = _registers[i];
        }

        for (int i = 0; i < AllSelectors; i++)
        {
            c->Segments[i].LoadNull(_selectors[i]);
        }

        c->Ldt.LoadNull(_table);
        c->Eip = _eip;
        Flags.Write(c, eflags);
    }
}
