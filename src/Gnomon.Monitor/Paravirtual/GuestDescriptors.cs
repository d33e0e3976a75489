using System.Buffers.Binary;
using Gnomon.Cpu;

namespace Gnomon.Monitor;

/// <summary>
/// What a guest has asked for in its GDT and IDT, made harmless, and the stack of its kernel: all that a host CPU's state page is
/// written from.
/// </summary>
internal sealed class GuestDescriptors
{
    /// <summary>The hypercall vector.</summary>
    public const int HypercallVector = 0x1F;

    /// <summary>The vector of interrupt 0.</summary>
    public const int FirstInterruptVector = 32;

    private const ulong Present = 1ul << 47;
    private const ulong IsCodeOrData = 1ul << 44;
    private const ulong Accessed = 1ul << 40;
    private const int LevelShift = 45;
    private const int TrapGate = 0xF;

    private readonly ulong[] _gdt = new ulong[SwitcherLayout.GdtEntries];
    private readonly ulong[] _gates = new ulong[256];

    /// <summary>Two flat descriptors, no gates, no stack.</summary>
    public GuestDescriptors()
    {
        _gdt[SwitcherLayout.GuestCodeSelector / 8] = SwitcherLayout.FlatCode(1);
        _gdt[SwitcherLayout.GuestDataSelector / 8] = SwitcherLayout.FlatData(1);
    }

    /// <summary>Counts changes: a state page that was written from another number is out of date.</summary>
    public int Version { get; private set; } = 1;

    /// <summary>The vector of system calls.</summary>
    public uint SyscallVector
    {
        get;
        set
        {
            field = value;
            Version++;
        }
    }

    = 0x80;

    /// <summary>SS of the guest kernel's stack, as hypercall 7 set it.</summary>
    public ushort StackSelector { get; private set; }

    /// <summary>ESP of the guest kernel's stack.</summary>
    public uint StackPointer { get; private set; }

    /// <summary>The guest kernel's stack (hypercall 7).</summary>
    public void SetStack(ushort selector, uint pointer)
    {
        StackSelector = selector;
        StackPointer = pointer;
        Version++;
    }

    /// <summary>Remembers a descriptor. One that is the host's is ignored. Level 0 becomes 1 and the accessed bit is set; what is no
    /// code or data segment (a call gate would lead to level 0) is never present.</summary>
    /// <param name="index">0 … 31.</param>
    /// <param name="value">The descriptor.</param>
    public void SetDescriptor(int index, ulong value)
    {
        if (index is SwitcherLayout.HostCode or SwitcherLayout.HostData or SwitcherLayout.HostTask or SwitcherLayout.HostDoubleFault)
        {
            return;
        }

        if ((value & IsCodeOrData) == 0)
        {
            value &= ~Present;
        }
        else if (((value >> LevelShift) & 3) == 0)
        {
            value |= 1ul << LevelShift;
        }

        _gdt[index] = value | Accessed;
        Version++;
    }

    /// <summary>A descriptor of the guest's.</summary>
    public ulong Descriptor(int index) => _gdt[index];

    /// <summary>The base and default size of a segment by its selector; a selector beyond the table, or of the local one, is flat.</summary>
    public (uint Base, bool IsBig) Segment(uint selector)
    {
        uint index = selector >> 3;
        if (index == 0 || index >= SwitcherLayout.GdtEntries || (selector & 4) != 0)
        {
            return (0, true);
        }

        ulong value = _gdt[index];
        return ((uint)((value >> 16) & 0xFF_FFFF) | ((uint)(value >> 56) << 24), (value & (1ul << 54)) != 0);
    }

    /// <summary>Remembers a gate (hypercall 6).</summary>
    /// <param name="vector">0 … 255.</param>
    /// <param name="low">Its low word: the low half of the offset.</param>
    /// <param name="high">Its high word.</param>
    public void SetGate(uint vector, uint low, uint high)
    {
        if (vector > 255)
        {
            GuestDeath.Kill($"the interrupt table has no entry 0x{vector:x}");
        }

        if (vector is Vector.Nmi or Vector.DoubleFault or 15 or HypercallVector)
        {
            return;
        }

        bool present = (high & 0x8000) != 0;
        uint type = (high >> 8) & 0xF;
        if (present && type is not (0xE or 0xF))
        {
            GuestDeath.Kill($"entry 0x{vector:x} of the interrupt table is a gate of type 0x{type:x}");
        }

        _gates[vector] = low | ((ulong)high << 32);
        Version++;
    }

    /// <summary>The guest's gate of a vector.</summary>
    public GuestGate Gate(int vector) => new(_gates[vector]);

    /// <summary>Whether the CPU goes through the guest's gate itself.</summary>
    public bool IsDirect(int vector) =>
        Gate(vector) is { IsPresent: true, Type: TrapGate } && MayBeDirect(vector);

    /// <summary>Writes a host CPU's state page.</summary>
    /// <param name="page">The page's bytes.</param>
    /// <param name="image">The Switcher's code.</param>
    /// <param name="switcher">Its address in this guest.</param>
    /// <param name="hostCpu">The host CPU.</param>
    public void WriteStatePage(Span<byte> page, SwitcherImage image, uint switcher, int hostCpu)
    {
        for (int vector = 0; vector < 256; vector++)
        {
            Put64(page, SwitcherLayout.IdtOffset + (vector * 8), RealGate(vector, switcher + image.Stub(vector)));
        }

        for (int i = 0; i < _gdt.Length; i++)
        {
            Put64(page, SwitcherLayout.GdtOffset + (i * 8), _gdt[i]);
        }

        // A 32-bit task state that is busy already, so that the CPU has nothing to write here.
        uint task = SwitcherLayout.StatePage(switcher, hostCpu) + SwitcherLayout.TssOffset;
        ulong busy = (SwitcherLayout.TssBytes - 1) | ((ulong)(task & 0xFF_FFFF) << 16) | (0x8Bul << 40) | ((ulong)(task >> 24) << 56);
        Put64(page, SwitcherLayout.GdtOffset + SwitcherLayout.HostCodeSelector, SwitcherLayout.FlatCode(0));
        Put64(page, SwitcherLayout.GdtOffset + SwitcherLayout.HostDataSelector, SwitcherLayout.FlatData(0));
        Put64(page, SwitcherLayout.GdtOffset + SwitcherLayout.HostTaskSelector, busy);
        WriteTaskState(page[SwitcherLayout.TssOffset..], SwitcherLayout.StatePage(switcher, hostCpu));
    }

    private static bool IsHosts(int vector) =>
        vector is Vector.DeviceNotAvailable or Vector.GeneralProtection or Vector.PageFault or HypercallVector;

    private bool MayBeDirect(int vector) => !IsHosts(vector) && (vector < 32 || (uint)vector == SyscallVector);

    private ulong RealGate(int vector, uint stub)
    {
        GuestGate gate = Gate(vector);
        if (IsDirect(vector))
        {
            return MakeGate(gate.Offset, SwitcherLayout.GuestCodeSelector, TrapGate, gate.Level);
        }

        int level = vector == HypercallVector ? 1 : MayBeDirect(vector) ? gate.Level : 0;
        return MakeGate(stub, SwitcherLayout.HostCodeSelector, 0xE, level);
    }

    private static ulong MakeGate(uint offset, ushort selector, int type, int level) =>
        (offset & 0xFFFF) | ((ulong)selector << 16) | ((ulong)type << 40) | ((ulong)level << LevelShift) | Present | ((ulong)(offset >> 16) << 48);

    private void WriteTaskState(Span<byte> task, uint sp0)
    {
        task[..SwitcherLayout.TssBytes].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(task[4..], sp0);
        BinaryPrimitives.WriteUInt32LittleEndian(task[8..], SwitcherLayout.HostDataSelector);
        BinaryPrimitives.WriteUInt32LittleEndian(task[12..], StackPointer);
        BinaryPrimitives.WriteUInt32LittleEndian(task[16..], StackSelector);

        // The I/O bitmap begins behind the limit: no port is free.
        BinaryPrimitives.WriteUInt16LittleEndian(task[102..], SwitcherLayout.TssBytes);
    }

    private static void Put64(Span<byte> page, int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(page[at..], value);
}

/// <summary>A gate as the guest gave it; its selector does not count.</summary>
internal readonly record struct GuestGate(ulong Value)
{
    public bool IsPresent => (Value & (1ul << 47)) != 0;

    public int Type => (int)(Value >> 40) & 0xF;

    public int Level => (int)(Value >> 45) & 3;

    public uint Offset => (uint)(Value & 0xFFFF) | (uint)((Value >> 32) & 0xFFFF_0000);

    /// <summary>Whether taking it turns interrupts off.</summary>
    public bool IsInterruptGate => Type == 0xE;
}
