using System.Runtime.InteropServices;
using Gnomon.Cpu.Memory;
using Gnomon.Cpu.Oracle.Tests.Host;
using Gnomon.Cpu.X87;

namespace Gnomon.Cpu.Oracle.Tests.Tested;

/// <summary>
/// Gnomon's processor with the address space of <see cref="AddressMap"/>: PAE paging, user code at CPL 3, and an interrupt table whose
/// gates all lead to the supervisor. What an exception left is read from the frame that the processor pushed.
/// </summary>
// SAFETY: physical addresses are below PhysicalBytes by construction of the layout.
internal sealed unsafe class GnomonProcessor : ITestedProcessor, IDisposable
{
    // Physical layout: tables and system structures, the two data windows, the code.
    private const uint Tables = 0x1000;
    private const uint SystemPage = 0x20_000;
    private const uint LowPages = 0x30_000;
    private const uint HighPages = 0x40_000;
    private const uint CodePages = 0x40_0000;
    private const uint EdgePages = CodePages + AddressMap.CodeBytes;
    private const int PhysicalBytes = 0x140_0000;

    // Linear layout of the system structures, where no case goes.
    private const uint Gdt = AddressMap.Runner;
    private const uint Ldt = AddressMap.Runner + 0x100;
    private const uint Tss = AddressMap.Runner + 0x200;
    private const uint Idt = AddressMap.Runner + 0x800;
    private const uint StackTop = AddressMap.Runner + 0x3000;
    private const uint Handlers = AddressMap.Runner + 0x4000;

    private const ushort KernelCode = 0x08;
    private const ushort KernelData = 0x10;
    private const ushort LdtSelector = 0x30;
    private const ushort TssSelector = 0x38;
    private const byte Halt = 0xF4;
    private const ulong NoExecute = 1UL << 63;

    private readonly Ram _ram = new();
    private readonly Processor _processor;
    private readonly ulong[] _gdt = new ulong[16];
    private bool _traced;

    public GnomonProcessor()
    {
        _processor = new Processor(_ram);
        _gdt[1] = 0x00CF_9B00_0000_FFFF;
        _gdt[2] = 0x00CF_9300_0000_FFFF;
        _gdt[4] = 0x00CF_FB00_0000_FFFF;
        _gdt[5] = 0x00CF_F300_0000_FFFF;
        MapAll();
        SystemStructures();
        SetControls();
        Restore(AddressMap.LowData, LowPages);
        Restore(AddressMap.HighData, HighPages);
    }

    public void Run(in InstructionCase c, ref CaseResult r)
    {
        for (int i = 0; i < c.PatchCount; i++)
        {
            c.PatchBytesOf(i).CopyTo(new Span<byte>(_ram.At(PhysicalOf(c.PatchAddress(i))), InstructionCase.PatchBytes));
        }

        PutCode(c);
        LoadState(c);
        Step(c);
        StoreState(c, ref r);
        r.Memory.AddChanges(AddressMap.LowData, new ReadOnlySpan<byte>(_ram.At(LowPages), (int)AddressMap.WritableBytes));
        r.Memory.AddChanges(AddressMap.HighData, new ReadOnlySpan<byte>(_ram.At(HighPages), (int)AddressMap.WritableBytes));
        Restore(r.Memory);
    }

    public void Dispose()
    {
        _processor.Dispose();
        _ram.Dispose();
    }

    // A trap is delivered by the next run: its handler's first instruction is not reached. A repeated string instruction is taken up
    // again until it is done; where the host has stopped behind each element by the trap flag, so does this processor, and the flag is
    // no more seen than the host's.
    private void Step(in InstructionCase c)
    {
        bool repeated = IsRepeated(c.CodeSpan);
        _traced = repeated && (c.Flags & CaseFlags.SingleStep) != 0;
        if (_traced)
        {
            _processor.State->SystemFlags |= Flags.Trap;
        }

        do
        {
            Run();
            if (_traced && _processor.State->Pending == Pending.Exception && _processor.State->FaultVector == Vector.Debug)
            {
                _processor.State->Pending = Pending.None;
                break;
            }

            if (_processor.State->Pending != Pending.None)
            {
                Run();
            }
        }
        while (repeated && _processor.Registers.Eip == c.Context.Eip);
        if (_traced)
        {
            _processor.State->SystemFlags &= ~Flags.Trap;
        }
    }

    private void Run()
    {
        CpuExit exit = _processor.Run(1);
        if (exit.Reason != CpuExitReason.Budget)
        {
            Assert.Fail($"the processor came back with {exit}");
        }
    }

    private static bool IsRepeated(ReadOnlySpan<byte> code)
    {
        int opcode = code.IndexOfAnyExcept<byte>([0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3]);
        return opcode > 0 && code[..opcode].ContainsAny<byte>(0xF2, 0xF3)
            && code[opcode] is (>= 0x6C and <= 0x6F) or (>= 0xA4 and <= 0xA7) or (>= 0xAA and <= 0xAF);
    }

    private void LoadState(in InstructionCase c)
    {
        ProcessorRegisters registers = _processor.Registers;
        for (int i = 0; i < 8; i++)
        {
            registers[(GeneralRegister)i] = c.Context[i];
        }

        LoadSegment(SegmentName.Cs, c.Context.Cs);
        LoadSegment(SegmentName.Ss, c.Context.Ss);
        LoadSegment(SegmentName.Ds, c.Context.Ds);
        LoadSegment(SegmentName.Es, c.Context.Es);
        LoadSegment(SegmentName.Fs, c.Context.Fs);
        LoadSegment(SegmentName.Gs, c.Context.Gs);
        _processor.State->Cpl = 3;
        registers.Eflags = c.Context.Eflags;
        registers.Eip = c.Context.Eip;
        registers.Cr2 = 0;
        if ((c.Flags & CaseFlags.Fpu) != 0)
        {
            X87Images.ReadFxrstor(ref _processor.State->X87, c.Fpu);
        }
        else
        {
            _processor.State->X87.Initialize();
        }
    }

    private void StoreState(in InstructionCase c, ref CaseResult r)
    {
        ProcessorRegisters registers = _processor.Registers;
        r.Context = default;
        for (int i = 0; i < 8; i++)
        {
            r.Context[i] = registers[(GeneralRegister)i];
        }

        r.Context.Ds = registers.Segment(SegmentName.Ds).Selector;
        r.Context.Es = registers.Segment(SegmentName.Es).Selector;
        r.Context.Fs = registers.Segment(SegmentName.Fs).Selector;
        r.Context.Gs = registers.Segment(SegmentName.Gs).Selector;
        r.Context.Cs = registers.Segment(SegmentName.Cs).Selector;
        r.Context.Ss = registers.Segment(SegmentName.Ss).Selector;
        r.Context.Eip = registers.Eip;
        r.Context.Eflags = registers.Eflags;
        r.Context.Trap = ProcessorContext.NoTrap;
        if (registers.Eip - Handlers < 256)
        {
            ReadFrame(ref r.Context, (byte)(registers.Eip - Handlers), registers.Cr2);
        }

        if ((c.Flags & CaseFlags.Fpu) != 0)
        {
            ((Span<byte>)r.Fpu).Clear();
            c.Fpu[24..32].CopyTo(((Span<byte>)r.Fpu)[24..]);
            X87Images.WriteFxsave(in _processor.State->X87, r.Fpu);
        }
    }

    private void ReadFrame(ref ProcessorContext context, byte vector, uint cr2)
    {
        uint* frame = (uint*)_ram.At(SystemPage + (context.Esp - AddressMap.Runner));
        context.Trap = vector;
        context.ErrorCode = Vector.HasErrorCode(vector) ? *frame++ : 0;
        context.Eip = frame[0];
        context.Cs = (ushort)frame[1];
        context.Eflags = _traced ? frame[2] & ~Flags.Trap : frame[2];
        context.Esp = frame[3];
        context.Ss = (ushort)frame[4];
        context.Cr2 = cr2;
    }

    // What depends on the segments is made when EFLAGS are set.
    private void LoadSegment(SegmentName name, uint selector)
    {
        SegmentValue value = Segment((ushort)selector);
        _processor.State->Segments[(int)name].Load(value.Selector, value.Base, value.Limit, value.Access);
    }

    private SegmentValue Segment(ushort selector)
    {
        int index = selector >> 3;
        if (index == 0 && (selector & 4) == 0)
        {
            return new SegmentValue(selector, 0, 0, 0);
        }

        ulong raw = (selector & 4) != 0 ? LocalDescriptors.All[index].Raw : _gdt[index];
        uint high = (uint)(raw >> 32);
        uint limit = (uint)(raw & 0xFFFF) | (high & 0xF_0000);
        limit = (high & (1 << 23)) != 0 ? (limit << 12) | 0xFFF : limit;
        uint start = (uint)(raw >> 16 & 0xFF_FFFF) | (high & 0xFF00_0000);
        return new SegmentValue(selector, start, limit, (ushort)((high >> 8) & 0xF0FF));
    }

    private void PutCode(in InstructionCase c)
    {
        uint start = c.Context.Eip;
        Span<byte> code = stackalloc byte[c.CodeLength + 1];
        c.CodeSpan.CopyTo(code);

        // HLT behind it, so that no more than the instruction is decoded.
        code[^1] = Halt;
        int inFirst = (int)Math.Min((uint)code.Length, AddressMap.PageBytes - (start % AddressMap.PageBytes));
        PutCode(start, code[..inFirst]);
        PutCode(start + (uint)inFirst, code[inFirst..]);
    }

    private void PutCode(uint linear, ReadOnlySpan<byte> code)
    {
        uint physical = PhysicalOf(linear);
        if (physical != 0 && code.Length > 0)
        {
            code.CopyTo(new Span<byte>(_ram.At(physical), code.Length));
            _processor.NotifyStore((nint)_ram.At(physical), code.Length);
        }
    }

    private void Restore(uint window, uint physical) =>
        Background.Of(window)[..(int)AddressMap.WindowBytes].CopyTo(new Span<byte>(_ram.At(physical), (int)AddressMap.WindowBytes));

    private void Restore(MemoryChanges changes)
    {
        foreach ((uint address, _) in changes.Blocks)
        {
            uint window = address < AddressMap.HighData ? AddressMap.LowData : AddressMap.HighData;
            Background.Of(window).Slice((int)(address - window), MemoryChanges.BlockBytes)
                .CopyTo(new Span<byte>(_ram.At(PhysicalOf(address)), MemoryChanges.BlockBytes));
        }
    }

    // Zero where nothing is mapped.
    private static uint PhysicalOf(uint linear)
    {
        if (linear - AddressMap.LowData < AddressMap.WindowBytes)
        {
            return LowPages + (linear - AddressMap.LowData);
        }

        if (linear - AddressMap.HighData < AddressMap.WindowBytes)
        {
            return HighPages + (linear - AddressMap.HighData);
        }

        if (linear - AddressMap.Code < AddressMap.CodeBytes)
        {
            return CodePages + (linear - AddressMap.Code);
        }

        uint edge = linear - AddressMap.Edges;
        bool unmapped = (edge & AddressMap.PageBytes) != 0 && (edge / AddressMap.EdgePairBytes & 1) == 0;
        return edge < AddressMap.EdgeBytes && !unmapped ? EdgePages + edge : 0;
    }

    private void MapAll()
    {
        const ulong user = 5, writable = 2;
        Map(AddressMap.LowData, LowPages, AddressMap.WritableBytes, user | writable | NoExecute);
        Map(AddressMap.LowData + AddressMap.WritableBytes, LowPages + AddressMap.WritableBytes, AddressMap.PageBytes, user | NoExecute);
        Map(AddressMap.HighData, HighPages, AddressMap.WritableBytes, user | writable | NoExecute);
        Map(AddressMap.HighData + AddressMap.WritableBytes, HighPages + AddressMap.WritableBytes, AddressMap.PageBytes, user | NoExecute);
        Map(AddressMap.Code, CodePages, AddressMap.CodeBytes, user);
        for (uint pair = 0; pair < AddressMap.EdgePairs; pair++)
        {
            uint start = pair * AddressMap.EdgePairBytes;
            Map(AddressMap.Edges + start, EdgePages + start, (pair & 1) == 0 ? AddressMap.PageBytes : AddressMap.EdgePairBytes, user);
        }

        Map(AddressMap.Runner, SystemPage, 0x8000, 1 | writable);
    }

    private uint _nextTable = Tables + 0x1000;

    private void Map(uint linear, uint physical, uint bytes, ulong flags)
    {
        for (uint done = 0; done < bytes; done += AddressMap.PageBytes)
        {
            ulong* pointer = (ulong*)_ram.At(Tables) + ((linear + done) >> 30);
            ulong* directory = Below(pointer, 1) + (((linear + done) >> 21) & 511);
            ulong* entry = Below(directory, 7) + (((linear + done) >> 12) & 511);
            *entry = (physical + done) | flags;
        }
    }

    private ulong* Below(ulong* entry, ulong flags)
    {
        if (*entry == 0)
        {
            *entry = _nextTable | flags;
            _nextTable += 0x1000;
            Assert.True(_nextTable <= SystemPage, "the tables do not fit");
        }

        return (ulong*)_ram.At((uint)(*entry & 0xFFFF_F000));
    }

    private void SystemStructures()
    {
        _gdt[LdtSelector >> 3] = Descriptor(Ldt, (uint)(LocalDescriptors.All.Length * 8) - 1, 0x82);
        _gdt[TssSelector >> 3] = Descriptor(Tss, 103, 0x8B);
        _gdt.CopyTo(new Span<ulong>(System(Gdt), 16));
        for (int i = 0; i < LocalDescriptors.All.Length; i++)
        {
            ((ulong*)System(Ldt))[i] = LocalDescriptors.All[i].Raw;
        }

        // The supervisor's stack, and an I/O map that is not there.
        *(uint*)System(Tss + 4) = StackTop;
        *(uint*)System(Tss + 8) = KernelData;
        *(ushort*)System(Tss + 102) = 104;
        for (uint vector = 0; vector < 256; vector++)
        {
            ulong dpl = vector is 3 or 4 ? 3u : 0u;
            uint handler = Handlers + vector;
            ((ulong*)System(Idt))[vector] = (handler & 0xFFFF) | ((ulong)KernelCode << 16) | ((0x8E00 | (dpl << 13)) << 32) | ((ulong)(handler & 0xFFFF_0000) << 32);
        }

        new Span<byte>(System(Handlers), 256).Fill(Halt);
    }

    private byte* System(uint linear) => _ram.At(SystemPage + (linear - AddressMap.Runner));

    private static ulong Descriptor(uint start, uint limit, ulong access) =>
        limit | ((ulong)(start & 0xFF_FFFF) << 16) | (access << 40) | ((ulong)(start >> 24) << 56);

    private void SetControls()
    {
        ProcessorRegisters registers = _processor.Registers;
        registers.Cr3 = Tables;
        registers.LoadPointers(new ReadOnlySpan<ulong>(_ram.At(Tables), 4));
        registers.Cr4 = 1 << 5;
        registers.Efer = 1 << 11;
        registers.Cr0 = 0x8005_0033;
        registers.Gdt = (Gdt, AddressMap.GdtLimit);
        registers.Idt = (Idt, 0x7FF);
        registers.Ldt = new SegmentValue(LdtSelector, Ldt, (uint)(LocalDescriptors.All.Length * 8) - 1, 0x82);
        registers.Task = new SegmentValue(TssSelector, Tss, 103, 0x8B);
    }

    private sealed class Ram : PhysicalMemory, IDisposable
    {
        private readonly byte* _bytes = Allocate();

        public byte* At(uint physical) => _bytes + physical;

        public override PhysicalPage Find(ulong page, bool write) =>
            page < PhysicalBytes >> 12 ? PhysicalPage.Memory(_bytes + (page << 12)) : PhysicalPage.Device;

        public void Dispose() => NativeMemory.AlignedFree(_bytes);

        private static byte* Allocate()
        {
            byte* memory = (byte*)NativeMemory.AlignedAlloc(PhysicalBytes, 4096);
            new Span<byte>(memory, PhysicalBytes).Clear();
            return memory;
        }
    }
}
