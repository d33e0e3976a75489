using System.Runtime.InteropServices;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;

namespace Gnomon.Cpu.Tests;

/// <summary>
/// A processor in flat 32-bit protected mode at CPL 0 over 1 MiB of memory; physical addresses behind it are devices. FS has a base, so
/// that its operands go another way than those of DS.
/// </summary>
/// <remarks><see cref="Execute"/> runs instructions and delivers nothing: a fault is looked at as its handler recorded it. Who wants
/// events delivered calls <see cref="Processor.Run"/>.</remarks>
// SAFETY: the memory is native and lives as long as the fixture; spans over it are checked against its length.
internal sealed unsafe class CpuFixture : IDisposable
{
    public const int MemoryBytes = 1 << 20;

    /// <summary>Where <see cref="Execute"/> puts code.</summary>
    public const uint Code = 0x10000;

    /// <summary>The base of FS.</summary>
    public const uint FsBase = 0x20000;

    /// <summary>Three pages for data.</summary>
    public const uint Data = 0x40000;

    private const uint Directory = 0x80000;
    private const uint Table = 0x81000;
    private readonly TestRam _ram;
    private readonly bool _ownsMemory;

    public CpuFixture()
        : this(new TestRam(MemoryBytes), ownsMemory: true)
    {
    }

    private CpuFixture(TestRam ram, bool ownsMemory)
    {
        _ram = ram;
        _ownsMemory = ownsMemory;
        Processor = new Processor(ram);
        Registers.Cr0 = Cr0.ProtectionEnable | Cr0.ExtensionType | Cr0.WriteProtect;
        Registers.SetSegment(SegmentName.Cs, new SegmentValue(8, 0, uint.MaxValue, 0xC09B));
        foreach (SegmentName name in new[] { SegmentName.Es, SegmentName.Ss, SegmentName.Ds, SegmentName.Gs })
        {
            Registers.SetSegment(name, new SegmentValue(16, 0, uint.MaxValue, 0xC093));
        }

        Registers.SetSegment(SegmentName.Fs, new SegmentValue(24, FsBase, uint.MaxValue, 0xC093));
    }

    public Processor Processor { get; }

    public ProcessorRegisters Registers => Processor.Registers;

    /// <summary>Another processor over the same memory. Dispose of it first.</summary>
    public CpuFixture Neighbour() => new(_ram, ownsMemory: false);

    /// <summary>Bytes of physical memory.</summary>
    public Span<byte> Bytes(uint address, int length) => _ram.Bytes(0, MemoryBytes).Slice((int)address, length);

    /// <summary>Says that bytes of physical memory were changed by other than the processor.</summary>
    public void StoredAt(uint address, int length) => Processor.NotifyStore((nint)_ram.At(address), length);

    /// <summary>Turns paging on: the first 4 MiB map to themselves, supervisor, writable.</summary>
    public void EnablePaging()
    {
        MemoryMarshal.Write(Bytes(Directory, 4), Table | 3);
        for (uint page = 0; page < 1024; page++)
        {
            SetPage(page << 12, (page << 12) | 3);
        }

        Registers.Cr3 = Directory;
        Registers.Cr0 |= Cr0.Paging;
    }

    /// <summary>Sets the page table entry of an address below 4 MiB, and drops its translation.</summary>
    public void SetPage(uint address, uint entry)
    {
        MemoryMarshal.Write(Bytes(Table + (address >> 12 << 2), 4), entry);
        Processor.FlushPage(address);
    }

    /// <summary>Puts code in its place and EIP before it.</summary>
    public void Load(ReadOnlySpan<byte> code)
    {
        Span<byte> place = Bytes(Code, code.Length);
        if (!place.SequenceEqual(code))
        {
            code.CopyTo(place);
            Processor.NotifyStore((nint)_ram.At(Code), code.Length);
        }

        Registers.Eip = Code;
    }

    /// <summary>Runs instructions until they are done or one stops.</summary>
    /// <returns>What stopped it; EIP is then that of the instruction (behind it after a trap).</returns>
    public CpuStop Execute(ReadOnlySpan<byte> code, int instructions = 1)
    {
        Load(code);
        CpuState* c = Processor.State;
        c->Pending = Pending.None;
        c->Budget = instructions;
        while (c->Budget > 0 && c->Pending == Pending.None)
        {
            Op* head = Processor.Lookup();
            Op* tooLong = head == null ? null : Dispatcher.Run(c, head);
            if (tooLong != null && c->Budget > 0)
            {
                BlockBuilder.Shorten(tooLong, c->Budget, Processor.Blocks.Scratch);
                Dispatcher.Run(c, Block.Head(Processor.Blocks.Scratch));
            }
        }

        CpuStop stop = new(c->Pending, c->Pending == Pending.Exception ? c->FaultVector : (byte)0, c->Pending == Pending.Exception ? c->FaultCode : 0);
        c->Pending = Pending.None;
        return stop;
    }

    public void Dispose()
    {
        Processor.Dispose();
        if (_ownsMemory)
        {
            _ram.Dispose();
        }
    }
}

/// <summary>What stopped an execution.</summary>
/// <param name="Kind">None: the instructions were run.</param>
/// <param name="Vector">The exception.</param>
/// <param name="Code">Its error code.</param>
internal readonly record struct CpuStop(Pending Kind, byte Vector, uint Code)
{
    public static CpuStop Done => default;

    public static CpuStop Exception(byte vector, uint code = 0) => new(Pending.Exception, vector, code);
}
