using System.Buffers;
using Gnomon.Cpu.Memory;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Tests.State;

/// <summary>A random machine in real mode whose programs use what a state consists of: x87, debug registers, shadows, halts, interrupts,
/// ports, repetitions. Each slice is run with answers that depend on nothing but its number.</summary>
internal sealed unsafe class StateMachine : IDisposable, IInterruptSource
{
    public const int MemoryBytes = 0x10_0000;
    private const uint Code = 0x1_0000;
    private const int Vectors = 256;

    private readonly int _seed;

    public StateMachine(int seed, ReadOnlySpan<byte> memory = default)
    {
        _seed = seed;
        Ram = new TestRam(MemoryBytes);
        Processor = new Processor(Ram) { InterruptSource = this };
        if (memory.IsEmpty)
        {
            Fill(new Random(seed));
        }
        else
        {
            memory.CopyTo(Memory);
        }
    }

    public TestRam Ram { get; }

    public Processor Processor { get; }

    public Span<byte> Memory => Ram.Bytes(0, MemoryBytes);

    public byte[] State
    {
        get
        {
            ArrayBufferWriter<byte> output = new();
            Processor.Save(output);
            return output.WrittenSpan.ToArray();
        }
    }

    public byte Acknowledge()
    {
        Processor.SetInterruptLine(false);
        return 0x20;
    }

    /// <summary>Runs one slice, and answers its exit.</summary>
    public CpuExit Slice(int number)
    {
        Random random = new((_seed * 7919) + number);
        Processor.SetInterruptLine(random.Next(6) == 0);
        if (random.Next(9) == 0)
        {
            Processor.RaiseNmi();
        }

        CpuExit exit = Processor.Run(random.Next(2) == 0 ? 1 : random.Next(1, 30));
        if (random.Next(4) == 0)
        {
            // The answer comes later.
            return exit;
        }

        switch (exit.Reason)
        {
            case CpuExitReason.Port or CpuExitReason.Device when exit.IsWrite:
                Processor.CompleteWrite();
                break;
            case CpuExitReason.Port or CpuExitReason.Device:
                Processor.CompleteRead((ulong)random.NextInt64());
                break;
            case CpuExitReason.TripleFault:
                Processor.Reset();
                Enter();
                break;
        }

        return exit;
    }

    public void Dispose()
    {
        Processor.Dispose();
        Ram.Dispose();
    }

    private void Enter()
    {
        ProcessorRegisters r = Processor.Registers;
        foreach (SegmentName name in Enum.GetValues<SegmentName>())
        {
            uint @base = name == SegmentName.Cs ? Code : name == SegmentName.Ss ? 0x3_0000u : 0x2_0000;
            r.SetSegment(name, new SegmentValue((ushort)(@base >> 4), @base, 0xFFFF, 0x93));
        }

        r.Cr0 |= Cr0.NumericError;
        r.Eip = 0;
        r[GeneralRegister.Esp] = 0x8000;
    }

    private void Fill(Random random)
    {
        random.NextBytes(Ram.Bytes(0x2_0000, 0x1_0000));
        Assembler code = new(16);
        while (code.Instructions.Count < 4000)
        {
            Snippet(code, random);
        }

        code.jmp(0);
        using MemoryStream bytes = new();
        code.Assemble(new StreamCodeWriter(bytes), 0);
        bytes.ToArray().AsSpan(0, (int)Math.Min(bytes.Length, 0xF000)).CopyTo(Ram.Bytes(Code, 0xF000));

        // Handlers: some work, then IRET.
        for (uint vector = 0; vector < Vectors; vector++)
        {
            uint at = Code + 0xF000 + (vector * 8);
            ReadOnlySpan<byte> handler = vector switch
            {
                0 => [0xB8, 0x01, 0x00, 0xB1, 0x01, 0xCF], // mov ax, 1; mov cl, 1; iret: a division that can be done
                16 => [0xDB, 0xE2, 0xCF], // fnclex; iret
                _ => [0x40, 0x90, 0x89, 0x07, 0xCF], // inc ax; nop; mov [bx], ax; iret
            };
            handler.CopyTo(Ram.Bytes(at, handler.Length));
            *(ushort*)Ram.At(vector * 4) = (ushort)(at - Code);
            *(ushort*)Ram.At((vector * 4) + 2) = (ushort)(Code >> 4);
        }

        Enter();
    }

    private static void Snippet(Assembler a, Random random)
    {
        switch (random.Next(27))
        {
            case 0: a.fld1(); break;
            case 1: a.fldpi(); break;
            case 2: a.fadd(st0, st0); break;
            case 3: a.fstp(__tbyte_ptr[bx]); break;
            case 4: a.fninit(); break;
            case 5: a.fldcw(__word_ptr[bx + si]); break;
            case 6: a.fild(__dword_ptr[di]); break;
            case 7: a.cli(); a.sti(); break;
            case 8: a.mov(ax, ss); a.mov(ss, ax); break;
            case 9: a.hlt(); break;
            case 10: a.@in(ax, dx); break;
            case 11: a.@out(dx, al); break;
            case 12: a.mov(cx, (ushort)random.Next(40)); a.rep.movsb(); break;
            case 13: a.mov(cx, (ushort)random.Next(20)); a.rep.outsw(); break;
            case 14: a.@int((byte)random.Next(0x30, 0x38)); break;
            case 15: a.mov(eax, 0x2_0000 + random.Next(0x10000)); a.mov(dr0, eax); break;
            case 16: a.mov(eax, random.Next(4) == 0 ? 0xD0703 : 0x400); a.mov(dr7, eax); break;
            case 17: a.pushf(); a.pop(ax); a.or(ax, (ushort)(random.Next(12) == 0 ? 0x300 : 0x200)); a.and(ax, (ushort)0xFFF); a.push(ax); a.popf(); break;
            case 18: a.div(cl); break;
            case 19: a.add(__dword_ptr[bx + random.Next(100)], eax); break;
            case 20: a.mov(bx, (ushort)random.Next(0x7000)); a.mov(si, (ushort)random.Next(0x7000)); a.mov(di, (ushort)random.Next(0x7000)); break;
            case 21: a.mov(ax, (ushort)(random.Next(8) == 0 ? 0xFFFF : 0x2000)); a.mov(es, ax); break;
            case 22: a.mov(eax, random.Next()); a.mov(cr2, eax); break;
            case 23 or 24 or 25: a.mov(ax, ss); a.mov(ss, ax); a.cli(); a.sti(); break;
            default: a.adc(ax, (ushort)random.Next(0x10000)); a.ror(eax, (byte)random.Next(32)); break;
        }
    }
}
