using Iced.Intel;

namespace Gnomon.Cpu.Tests.Events;

/// <summary>A processor in protected mode with descriptor tables, two task states and, if asked for, page tables: what a system programmer
/// sets up before the first interrupt.</summary>
// SAFETY: TestRam checks every address.
internal sealed unsafe class EventsFixture : IDisposable
{
    public const uint Gdt = 0x1000;
    public const uint Idt = 0x2000;
    public const uint Task = 0x3000;
    public const uint OtherTask = 0x3800;
    public const uint Handlers = 0x5000;
    public const uint Code = 0x1_0000;
    public const uint UserStack = 0x2_1000;
    public const uint KernelStack = 0x3_1000;
    public const uint OtherStack = 0x3_8000;
    public const uint Directory = 0x8_0000;
    public const uint Table = 0x8_1000;

    public const ushort KernelCode = 0x08;
    public const ushort KernelData = 0x10;
    public const ushort UserCode = 0x1B;
    public const ushort UserData = 0x23;
    public const ushort TaskSelector = 0x28;
    public const ushort OtherTaskSelector = 0x30;
    public const ushort Gate = 0x38;
    public const ushort OldTaskSelector = 0x40;
    public const ushort Spare = 0x48;

    private const int MemoryBytes = 0x10_0000;
    private const int Descriptors = 16;

    public EventsFixture(bool user = false, bool paging = false, Intercepts intercepts = Intercepts.None)
    {
        Ram = new TestRam(MemoryBytes);
        Processor = new Processor(Ram) { Intercepts = intercepts };
        SetDescriptor(KernelCode, 0, 0xFFFFF, 0xC09A);
        SetDescriptor(KernelData, 0, 0xFFFFF, 0xC092);
        SetDescriptor(UserCode, 0, 0xFFFFF, 0xC0FA);
        SetDescriptor(UserData, 0, 0xFFFFF, 0xC0F2);
        SetDescriptor(TaskSelector, Task, 0x67, 0x8B);
        SetDescriptor(OtherTaskSelector, OtherTask, 0x67, 0x89);
        SetDword(Task + 4, KernelStack);
        SetDword(Task + 8, KernelData);
        R.Gdt = (Gdt, (Descriptors * 8) - 1);
        R.Idt = (Idt, 0x7FF);
        R.Cr0 = 0x11;
        R.Task = new SegmentValue(TaskSelector, Task, 0x67, 0x8B);
        R.Ldt = new SegmentValue(0, 0, 0, 0);
        Enter(user);
        R.Eip = Code;
        R[GeneralRegister.Edx] = 0;
        if (paging)
        {
            SetDword(Directory, Table | 7);
            for (uint page = 0; page < MemoryBytes >> 12; page++)
            {
                SetDword(Table + (page * 4), (page << 12) | 7);
            }

            R.Cr3 = Directory;
            R.Cr0 = 0x8001_0011;
        }
    }

    public TestRam Ram { get; }

    public Processor Processor { get; }

    public ProcessorRegisters R => Processor.Registers;

    /// <summary>Writes a descriptor from its fields, as the manual draws them.</summary>
    /// <param name="selector">Where in the global table.</param>
    /// <param name="base">Base.</param>
    /// <param name="limit">20 bits of limit.</param>
    /// <param name="access">Bits 8 to 23 of the upper word, those of the limit clear.</param>
    public void SetDescriptor(ushort selector, uint @base, uint limit, uint access)
    {
        uint at = Gdt + (uint)(selector & ~7);
        SetDword(at, (@base << 16) | (limit & 0xFFFF));
        SetDword(at + 4, (@base & 0xFF00_0000) | ((@base >> 16) & 0xFF) | (access << 8) | (limit & 0xF_0000));
    }

    /// <summary>Writes a gate of the interrupt table.</summary>
    public void SetGate(int vector, ushort selector, uint offset, uint access) => WriteGate(Idt + ((uint)vector * 8), selector, offset, access << 8);

    /// <summary>Writes a call gate or task gate of the global table.</summary>
    public void SetGlobalGate(ushort at, ushort selector, uint offset, uint access, uint parameters = 0) =>
        WriteGate(Gdt + at, selector, offset, (access << 8) | parameters);

    public uint Dword(uint address) => *(uint*)Ram.At(address);

    public ushort Word(uint address) => *(ushort*)Ram.At(address);

    public void SetDword(uint address, uint value) => *(uint*)Ram.At(address) = value;

    public void SetWord(uint address, ushort value) => *(ushort*)Ram.At(address) = value;

    /// <summary>The dwords from the top of the stack on.</summary>
    public uint[] Top(int count) => [.. Enumerable.Range(0, count).Select(i => Dword(R[GeneralRegister.Esp] + ((uint)i * 4)))];

    /// <summary>Assembles a program at an address.</summary>
    public void Assemble(uint address, Action<Assembler> program, int bits = 32, uint? at = null)
    {
        Assembler assembler = new(bits);
        program(assembler);
        MemoryStream bytes = new();
        assembler.Assemble(new StreamCodeWriter(bytes), at ?? address);
        bytes.ToArray().CopyTo(Ram.Bytes(address, (int)bytes.Length));
    }

    /// <summary>Runs until the budget is spent or something else happens.</summary>
    public CpuExit Run(int instructions) => Processor.Run(instructions);

    /// <summary>Puts INT n at EIP.</summary>
    public void PutInterrupt(byte vector) => new byte[] { 0xCD, vector }.CopyTo(Ram.Bytes(R.Segment(SegmentName.Cs).Base + R.Eip, 2));

    /// <summary>All registers, as text: what must not change when something is stopped on its way.</summary>
    public string State() => string.Join(" ", Enum.GetValues<GeneralRegister>().Select(name => $"{name}={R[name]:x}"))
        + $" eip={R.Eip:x} flags={R.Eflags:x} cpl={R.Cpl} cr0={R.Cr0:x} cr3={R.Cr3:x} task={R.Task} ldt={R.Ldt} "
        + string.Join(" ", Enum.GetValues<SegmentName>().Select(name => $"{name}={R.Segment(name)}"));

    public void Dispose()
    {
        Processor.Dispose();
        Ram.Dispose();
    }

    private void WriteGate(uint at, ushort selector, uint offset, uint middle)
    {
        SetDword(at, ((uint)selector << 16) | (offset & 0xFFFF));
        SetDword(at + 4, (offset & 0xFFFF_0000) | middle);
    }

    private void Enter(bool user)
    {
        ushort level = (ushort)(user ? 0x60 : 0);
        foreach (SegmentName name in Enum.GetValues<SegmentName>())
        {
            bool code = name == SegmentName.Cs;
            ushort selector = code ? (user ? UserCode : KernelCode) : user ? UserData : KernelData;
            R.SetSegment(name, new SegmentValue(selector, 0, uint.MaxValue, (ushort)((code ? 0xC09B : 0xC093) | level)));
        }

        R.Cpl = user ? 3 : 0;
        R[GeneralRegister.Esp] = user ? UserStack : KernelStack;
    }
}
