using System.Runtime.InteropServices;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Tests;

/// <summary>
/// A processor over 4 MiB of memory in which one instruction at a time is run, without delivery of its exceptions: they are looked at where
/// the handler leaves them. Physical addresses behind the memory are devices.
/// </summary>
// SAFETY: the memory is native and freed with the fixture; offsets into it are checked through spans.
public sealed unsafe class StringFixture : IDisposable
{
    public const int MemoryBytes = 4 << 20;

    /// <summary>Where programs are put.</summary>
    public const uint Code = 0x30000;

    /// <summary>Where the page directory is; the table of the first 4 MiB lies behind it.</summary>
    public const uint Directory = 0x100000;

    private readonly TestRam _ram = new(MemoryBytes);

    public StringFixture(ProcessorOptions? options = null)
    {
        Processor = new Processor(_ram, options);
        Registers.Cr0 = Cr0.ProtectionEnable | Cr0.ExtensionType;
        Flat(0);
        Registers[GeneralRegister.Esp] = 0x20000;
        Registers.Eip = Code;
    }

    public Processor Processor { get; }

    public ProcessorRegisters Registers => Processor.Registers;

    public Span<byte> Memory => _ram.Bytes(0, MemoryBytes);

    internal CpuState* State => Processor.State;

    internal LinearMemory Linear => Processor.Linear;

    /// <summary>Flat segments of one privilege.</summary>
    public void Flat(int cpl)
    {
        int dpl = cpl << 5;
        Registers.SetSegment(SegmentName.Cs, new SegmentValue((ushort)(8 | cpl), 0, uint.MaxValue, (ushort)(0xC09B | dpl)));
        foreach (SegmentName name in new[] { SegmentName.Es, SegmentName.Ss, SegmentName.Ds, SegmentName.Fs, SegmentName.Gs })
        {
            Registers.SetSegment(name, new SegmentValue((ushort)(16 | cpl), 0, uint.MaxValue, (ushort)(0xC093 | dpl)));
        }

        Registers.Cpl = cpl;
    }

    /// <summary>Segments as real and virtual-8086 mode have them, all at one base.</summary>
    public void Small(uint @base)
    {
        foreach (SegmentName name in Enum.GetValues<SegmentName>())
        {
            Registers.SetSegment(name, new SegmentValue((ushort)(@base >> 4), @base, 0xFFFF, 0xF3));
        }
    }

    /// <summary>Virtual-8086 mode with code at offset 0 of its segments, and the given flags.</summary>
    public void Virtual8086(uint flags)
    {
        Registers.Eflags = flags | Flags.Virtual8086;
        Small(Code);
        Registers.Eip = 0;
        Registers[GeneralRegister.Esp] = 0x8000;
    }

    /// <summary>Turns on paging, every page mapped to itself with these rights.</summary>
    public void Page(uint rights)
    {
        Write32(Directory, (Directory + 0x1000) | 7);
        for (uint page = 0; page < 1024; page++)
        {
            Map(page, page, rights);
        }

        Registers.Cr3 = Directory;
        Registers.Cr0 |= Cr0.Paging | Cr0.WriteProtect;
    }

    /// <summary>Maps one page; the caller flushes.</summary>
    public void Map(uint page, uint frame, uint rights) => Write32(Directory + 0x1000 + (page * 4), (frame << 12) | rights);

    public void Write32(uint physical, uint value) => MemoryMarshal.Write(Memory[(int)physical..], value);

    public uint Read32(uint physical) => MemoryMarshal.Read<uint>(Memory[(int)physical..]);

    public ushort Read16(uint physical) => MemoryMarshal.Read<ushort>(Memory[(int)physical..]);

    /// <summary>Puts bytes where programs are; EIP stays.</summary>
    public void Program(params byte[] bytes)
    {
        bytes.CopyTo(Memory[(int)Code..]);
        fixed (byte* place = &Memory[(int)Code])
        {
            Processor.NotifyStore((nint)place, bytes.Length);
        }
    }

    /// <summary>Assembles a 32-bit program.</summary>
    public void Program(Action<Assembler> write)
    {
        Assembler assembler = new(32);
        write(assembler);
        using MemoryStream stream = new();
        assembler.Assemble(new StreamCodeWriter(stream), Code);
        Program(stream.ToArray());
    }

    /// <summary>Runs the one instruction at EIP.</summary>
    /// <returns>What it left behind.</returns>
    internal Outcome Step()
    {
        State->Pending = Pending.None;
        State->SystemFlags &= ~Flags.Resume;
        State->Budget = 1;
        Op* head = Processor.Lookup();
        if (head != null)
        {
            BlockBuilder.Shorten(head, 1, Processor.Blocks.Scratch);
            Dispatcher.Run(State, Block.Head(Processor.Blocks.Scratch));
        }

        bool done = State->Budget == 0;
        if (done || State->Pending == Pending.Exception)
        {
            Linear.Log.Clear();
        }
        else
        {
            Linear.Log.Rewind();
        }

        Outcome outcome = new(done, State->Pending, State->FaultVector, State->FaultCode, State->FaultAddress, Linear.Exit);
        State->Pending = Pending.None;
        return outcome;
    }

    public void Dispose()
    {
        Processor.Dispose();
        _ram.Dispose();
    }
}

/// <summary>What an instruction left behind.</summary>
/// <param name="Done">Whether it was counted.</param>
/// <param name="Pending">What it waits for.</param>
/// <param name="Vector">The exception, where one is pending.</param>
/// <param name="Code">Its error code.</param>
/// <param name="Address">Its linear address, for a page fault.</param>
/// <param name="Exit">The exit, where one is pending.</param>
internal readonly record struct Outcome(bool Done, Pending Pending, byte Vector, uint Code, uint Address, CpuExit Exit)
{
    /// <summary>Whether it is a fault: the instruction is not done.</summary>
    public bool IsFault(byte vector) => !Done && Pending == Pending.Exception && Vector == vector;

    /// <summary>Whether nothing is pending.</summary>
    public bool IsClean => Done && Pending == Pending.None;
}
