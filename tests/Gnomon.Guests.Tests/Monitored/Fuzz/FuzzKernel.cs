using System.Buffers.Binary;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Guests.Tests.Monitored.Fuzz;

/// <summary>What the kernel of a fuzz run does at one step.</summary>
public enum Deed
{
    /// <summary>A hypercall with these five words.</summary>
    Call,

    /// <summary>Stores the second word at the first.</summary>
    Store,

    /// <summary>Reads at the first word.</summary>
    Read,

    /// <summary>Loads FS, GS and ES from the words.</summary>
    Segments,

    /// <summary>Moves the stack to the first word and pushes there; then traps.</summary>
    Stack,

    /// <summary>An IRET whose frame is the five words: EIP CS EFLAGS ESP SS.</summary>
    Return,

    /// <summary>A locked exchange with the first word's place.</summary>
    Exchange,
}

/// <summary>One step.</summary>
/// <param name="Deed">What.</param>
/// <param name="A">EAX, or the first word.</param>
/// <param name="B">EBX.</param>
/// <param name="C">ECX.</param>
/// <param name="D">EDX.</param>
/// <param name="E">ESI.</param>
public sealed record Step(Deed Deed, uint A, uint B, uint C, uint D, uint E);

/// <summary>A kernel that does a list of steps, whatever becomes of each: its handlers for all exceptions go on with the next.</summary>
internal static class FuzzKernel
{
    public const uint Base = 0x10_0000;
    public const uint Data = 0x10_8000;
    public const uint Commands = 0x11_0000;
    public const uint Tables = 0x14_0000;
    public const uint Free = 0x18_0000;
    public const uint Stack = 0x10_C000;
    public const int MaxSteps = 256;

    private const uint Index = 0x10_E000;
    private const int StepBytes = 32;
    private const int Length = 0xC_0000;
    private const uint Flags = 0x67;

    /// <summary>The first of two top-level tables that map the first 4 MiB onto themselves; the other is one page behind.</summary>
    public static byte[] Build(bool pae, IReadOnlyList<Step> steps)
    {
        byte[] memory = new byte[Length];
        Assemble(steps.Count).CopyTo(memory, 0);
        Span<byte> data = memory.AsSpan((int)(Data - Base));
        data[24..88].Fill(0xFF);
        BinaryPrimitives.WriteUInt32LittleEndian(data[1376..], uint.MaxValue);
        BinaryPrimitives.WriteUInt32LittleEndian(data[1380..], 0xC000_0000);
        BinaryPrimitives.WriteUInt32LittleEndian(data[1384..], 0x80);
        for (int i = 0; i < steps.Count; i++)
        {
            Step step = steps[i];
            uint[] words = [(uint)step.Deed, step.A, step.B, step.C, step.D, step.E];
            for (int word = 0; word < words.Length; word++)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(memory.AsSpan((int)(Commands - Base) + (i * StepBytes) + (word * 4)), words[word]);
            }
        }

        WriteTables(memory, pae);
        return ElfFile.Of(memory, Base);
    }

    // Tables + 0 and + 1000: top tables; + 2000: PAE's middle table; + 3000, + 4000: leaf tables.
    private static void WriteTables(byte[] memory, bool pae)
    {
        void Put(uint at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(memory.AsSpan((int)(at - Base)), value);
        foreach (uint top in (uint[])[Tables, Tables + 0x1000])
        {
            Put(top, pae ? (Tables + 0x2000) | 1 : (Tables + 0x3000) | Flags);
        }

        if (pae)
        {
            Put(Tables + 0x2000, (Tables + 0x3000) | Flags);
            Put(Tables + 0x2008, (Tables + 0x4000) | Flags);
        }

        for (uint page = 0; page < 1024; page++)
        {
            Put(Tables + 0x3000 + (page * (pae ? 8u : 4)), (page << 12) | Flags);
        }
    }

    private static byte[] Assemble(int steps)
    {
        byte[] code = [];
        ulong handler = Base;
        for (int pass = 0; pass < 2; pass++)
        {
            Assembler a = new(32);
            Label loop = Write(a, steps, (uint)handler);
            using MemoryStream stream = new();
            AssemblerResult result = a.Assemble(new StreamCodeWriter(stream), Base, BlockEncoderOptions.ReturnNewInstructionOffsets);
            handler = result.GetLabelRIP(loop);
            code = stream.ToArray();
        }

        return code;
    }

    private static Label Write(Assembler a, int steps, uint handler)
    {
        Label loop = a.CreateLabel(), done = a.CreateLabel(), notCall = a.CreateLabel();
        Label[] next = [.. Enumerable.Range(0, 6).Select(_ => a.CreateLabel())];
        a.mov(esp, Stack);
        Call(a, 1, Data, 0, 0);
        for (int vector = 0; vector < 32; vector++)
        {
            Call(a, 6, (uint)vector, (handler & 0xFFFF) | 0x61_0000, (handler & 0xFFFF_0000) | (vector % 2 == 0 ? 0x8F00u : 0x8E00));
        }

        Call(a, 4, Tables, 0, 0);
        Call(a, 7, 0x69, Stack, 1);

        // The handler of all exceptions too.
        a.Label(ref loop);
        a.mov(eax, 0x69);
        a.mov(ds, ax);
        a.mov(es, ax);
        a.mov(ss, ax);
        a.mov(esp, Stack);
        a.mov(edi, __dword_ptr[Index]);
        a.inc(__dword_ptr[Index]);
        a.cmp(edi, steps);
        a.jae(done);
        a.shl(edi, 5);
        a.add(edi, Commands);
        a.mov(ecx, __dword_ptr[edi]);
        a.mov(eax, __dword_ptr[edi + 4]);
        a.mov(ebx, __dword_ptr[edi + 8]);
        Choose(a, Deed.Call, notCall);
        a.mov(ecx, __dword_ptr[edi + 12]);
        a.mov(edx, __dword_ptr[edi + 16]);
        a.mov(esi, __dword_ptr[edi + 20]);
        a.@int(0x1F);
        a.jmp(loop);
        a.Label(ref notCall);
        Choose(a, Deed.Store, next[0]);
        a.mov(__dword_ptr[eax], ebx);
        a.jmp(loop);
        a.Label(ref next[0]);
        Choose(a, Deed.Read, next[1]);
        a.mov(eax, __dword_ptr[eax]);
        a.jmp(loop);
        a.Label(ref next[1]);
        Choose(a, Deed.Segments, next[2]);
        a.mov(fs, ax);
        a.mov(gs, bx);
        a.mov(es, bx);
        a.jmp(loop);
        a.Label(ref next[2]);
        Choose(a, Deed.Stack, next[3]);
        a.mov(esp, eax);
        a.push(ebx);
        a.ud2();
        a.Label(ref next[3]);
        Choose(a, Deed.Return, next[4]);
        for (int word = 20; word >= 4; word -= 4)
        {
            a.push(__dword_ptr[edi + word]);
        }

        a.iretd();
        a.Label(ref next[4]);
        a.@lock.xadd(__dword_ptr[eax], ebx);
        a.jmp(loop);
        a.Label(ref done);
        Call(a, 2, Data, 1, 0);
        return loop;
    }

    private static void Choose(Assembler a, Deed deed, Label otherwise)
    {
        a.cmp(ecx, (int)deed);
        a.jne(otherwise);
    }

    private static void Call(Assembler a, uint number, uint first, uint second, uint third)
    {
        a.mov(eax, number);
        a.mov(ebx, first);
        a.mov(ecx, second);
        a.mov(edx, third);
        a.mov(esi, 0);
        a.@int(0x1F);
    }
}
