using System.Buffers.Binary;
using Gnomon.Cpu;
using Gnomon.Cpu.Bare;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Traces;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cli.Benchmarks.Cpu;

/// <summary>
/// A bare machine with paging on that runs one program again and again: each round ends with OUT of the result, and the next begins
/// behind it. Its first 4 MiB are mapped as they lie, and <see cref="WidePages"/> pages at <see cref="Wide"/> onto a few frames.
/// </summary>
internal sealed class CpuGuest : IDisposable, IPortBus
{
    /// <summary>More pages than the TLB has entries.</summary>
    public const uint Wide = 0x4000_0000;

    /// <summary>How many.</summary>
    public const int WidePages = 2048;

    /// <summary>Nothing is mapped here.</summary>
    public const uint Unmapped = 0x6000_0000;

    private const int MemoryMiB = 8;
    private const uint Tables = 0x40_0000;
    private const uint WideFrames = 0x50_0000;
    private const int WideFrameCount = 64;
    private const uint IdentityBytes = 0x40_0000;
    private const ulong Leaf = PageEntry.Present | PageEntry.Writable;

    private readonly BareMachine _machine;
    private readonly bool _pae;
    private uint _nextTable = Tables;

    /// <summary>Makes the machine and assembles the program.</summary>
    public CpuGuest(TraceFormat format, Action<Assembler> program)
    {
        _pae = format == TraceFormat.Pae;
        _machine = new BareMachine(MemoryMiB, default, this);
        CpuData.Load(_machine.Memory);
        FlatStart.Apply(_machine, CpuData.Code);
        _machine.Processor.Registers[GeneralRegister.Esp] = CpuData.Stack;
        StartPaging();
        LoadProgram(program);
    }

    /// <summary>The processor.</summary>
    public Processor Processor => _machine.Processor;

    /// <summary>Runs a round.</summary>
    /// <returns>Its result.</returns>
    public uint Round()
    {
        CpuExit exit = RunToExit();
        if (exit.Reason != CpuExitReason.Port)
        {
            throw Unexpected(exit);
        }

        Processor.CompleteWrite();
        return (uint)exit.Value;
    }

    /// <summary>Runs to the next exit.</summary>
    public CpuExit RunToExit() => Processor.Run(1 << 30);

    /// <summary>What is to be said when the program did what it never does.</summary>
    public InvalidOperationException Unexpected(CpuExit exit) =>
        new($"A program that is measured ended with {exit.Reason} at 0x{Processor.Registers.Eip:x}.");

    /// <inheritdoc/>
    public void Dispose() => _machine.Dispose();

    /// <inheritdoc/>
    uint IPortBus.Read(ushort port, int size) => uint.MaxValue;

    /// <inheritdoc/>
    void IPortBus.Write(ushort port, int size, uint value)
    {
    }

    private void LoadProgram(Action<Assembler> program)
    {
        Assembler a = new(32);
        Label start = a.CreateLabel();
        a.Label(ref start);
        program(a);
        a.@out(0x80, eax);
        a.jmp(start);
        using MemoryStream code = new();
        a.Assemble(new StreamCodeWriter(code), CpuData.Code);
        _machine.Memory.Load(CpuData.Code, code.ToArray());
    }

    private void StartPaging()
    {
        uint root = NewTable();
        ulong[] pointers = new ulong[4];
        for (uint at = 0; at < IdentityBytes; at += PageSize.Bytes)
        {
            Map(root, pointers, at, at);
        }

        for (uint page = 0; page < WidePages; page++)
        {
            Map(root, pointers, Wide + (page * PageSize.Bytes), WideFrames + (page % WideFrameCount * PageSize.Bytes));
        }

        ProcessorRegisters registers = Processor.Registers;
        if (_pae)
        {
            registers.LoadPointers(pointers);
            registers.Cr4 = Cr4.PhysicalAddressExtension;
        }
        else
        {
            registers.Cr3 = root;
        }

        registers.Cr0 |= Cr0.Paging | Cr0.WriteProtect;
    }

    private void Map(uint root, ulong[] pointers, uint address, uint frame)
    {
        if (_pae)
        {
            ref ulong pointer = ref pointers[address >> 30];
            pointer = pointer != 0 ? pointer : NewTable() | PageEntry.Present;
            root = (uint)(pointer & Pae.AddressMask);
        }

        uint directory = root + (uint)(_pae ? Paging<Pae>.IndexOf(address, 2) * 8 : Paging<TwoLevel>.IndexOf(address, 2) * 4);
        ulong entry = Entry(directory);
        if (entry == 0)
        {
            entry = NewTable() | Leaf;
            SetEntry(directory, entry);
        }

        uint table = (uint)entry & ~PageSize.OffsetMask;
        SetEntry(table + (uint)(_pae ? Paging<Pae>.IndexOf(address, 1) * 8 : Paging<TwoLevel>.IndexOf(address, 1) * 4), frame | Leaf);
    }

    private uint NewTable()
    {
        uint table = _nextTable;
        _nextTable += PageSize.Bytes;
        return table;
    }

    private ulong Entry(uint place)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        _machine.Memory.Read(place, bytes[..(_pae ? 8 : 4)]);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    private void SetEntry(uint place, ulong entry)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, entry);
        _machine.Memory.Load(place, bytes[..(_pae ? 8 : 4)]);
    }
}
