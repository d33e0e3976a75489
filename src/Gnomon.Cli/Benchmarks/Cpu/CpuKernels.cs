using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cli.Benchmarks.Cpu;

/// <summary>The programs: each leaves its result in EAX, changes any register but ESP, and goes on behind its last instruction.</summary>
internal static class CpuKernels
{
    /// <summary>Words of the number that is added up.</summary>
    public const int NumberWords = 64;

    /// <summary>What a block is filled with.</summary>
    public const uint Filling = 0x0101_0101;

    /// <summary>Rounds of shifts, logic and additions, as hashes have them.</summary>
    public static void Hash(Assembler a, int rounds)
    {
        Label loop = a.CreateLabel();
        a.mov(eax, 0x6745_2301);
        a.mov(ebx, 0xEFCD_AB89);
        a.mov(esi, 0x98BA_DCFE);
        a.mov(edi, 0x1032_5476);
        a.mov(ecx, rounds);
        a.Label(ref loop);
        a.mov(edx, esi);
        a.xor(edx, edi);
        a.and(edx, ebx);
        a.xor(edx, edi);
        a.add(edx, ecx);
        a.add(edx, 0x5A82_7999);
        a.mov(ebp, eax);
        a.rol(ebp, 5);
        a.add(edx, ebp);
        a.mov(edi, esi);
        a.rol(ebx, 30);
        a.mov(esi, ebx);
        a.mov(ebx, eax);
        a.mov(eax, edx);
        a.dec(ecx);
        a.jnz(loop);
        a.xor(eax, ebx);
        a.xor(eax, esi);
        a.xor(eax, edi);
    }

    /// <summary>Copies words and adds them up.</summary>
    public static void CopySum(Assembler a, int words)
    {
        Label loop = a.CreateLabel();
        a.xor(eax, eax);
        a.mov(esi, CpuData.Source);
        a.mov(edi, CpuData.Target);
        a.mov(ecx, words);
        a.Label(ref loop);
        a.mov(edx, __dword_ptr[esi]);
        a.mov(__dword_ptr[edi], edx);
        a.add(eax, edx);
        a.add(esi, 4);
        a.add(edi, 4);
        a.dec(ecx);
        a.jnz(loop);
    }

    /// <summary>Walks a list and adds its values up.</summary>
    public static void List(Assembler a, int times)
    {
        Label again = a.CreateLabel(), loop = a.CreateLabel();
        a.xor(eax, eax);
        a.mov(ecx, times);
        a.Label(ref again);
        a.mov(esi, CpuData.List);
        a.Label(ref loop);
        a.add(eax, __dword_ptr[esi + 4]);
        a.mov(esi, __dword_ptr[esi]);
        a.test(esi, esi);
        a.jnz(loop);
        a.dec(ecx);
        a.jnz(again);
    }

    /// <summary>A Fibonacci number by recursion: calls, returns, pushes and pops.</summary>
    public static void Fibonacci(Assembler a, int n)
    {
        Label fibonacci = a.CreateLabel(), small = a.CreateLabel(), behind = a.CreateLabel();
        a.mov(eax, n);
        a.call(fibonacci);
        a.jmp(behind);
        a.Label(ref fibonacci);
        a.cmp(eax, 2);
        a.jb(small);
        a.push(eax);
        a.dec(eax);
        a.call(fibonacci);
        a.pop(edx);
        a.push(eax);
        a.lea(eax, __dword_ptr[edx - 2]);
        a.call(fibonacci);
        a.pop(edx);
        a.add(eax, edx);
        a.Label(ref small);
        a.ret();
        a.Label(ref behind);
    }

    /// <summary>Adds a long number up, carry by carry.</summary>
    public static void AddCarry(Assembler a, int times)
    {
        Label clear = a.CreateLabel(), again = a.CreateLabel(), loop = a.CreateLabel(), fold = a.CreateLabel();
        a.mov(edi, CpuData.Number);
        a.mov(ecx, NumberWords);
        a.xor(eax, eax);
        a.Label(ref clear);
        a.mov(__dword_ptr[edi + (ecx * 4) - 4], eax);
        a.dec(ecx);
        a.jnz(clear);
        a.mov(ebx, times);
        a.Label(ref again);
        a.mov(esi, CpuData.Source);
        a.mov(edi, CpuData.Number);
        a.mov(ecx, NumberWords);
        a.xor(eax, eax);
        a.Label(ref loop);
        a.mov(eax, __dword_ptr[esi]);
        a.adc(__dword_ptr[edi], eax);
        a.lea(esi, __dword_ptr[esi + 4]);
        a.lea(edi, __dword_ptr[edi + 4]);
        a.dec(ecx);
        a.jnz(loop);
        a.dec(ebx);
        a.jnz(again);
        a.xor(eax, eax);
        a.mov(edi, CpuData.Number);
        a.mov(ecx, NumberWords);
        a.Label(ref fold);
        a.xor(eax, __dword_ptr[edi + (ecx * 4) - 4]);
        a.dec(ecx);
        a.jnz(fold);
    }

    /// <summary>A cyclic redundancy check bit by bit: branches that nobody can foresee.</summary>
    public static void Crc(Assembler a, int bytes)
    {
        Label loop = a.CreateLabel(), bit = a.CreateLabel(), skip = a.CreateLabel();
        a.mov(eax, uint.MaxValue);
        a.mov(esi, CpuData.Source);
        a.mov(ecx, bytes);
        a.Label(ref loop);
        a.movzx(edx, __byte_ptr[esi]);
        a.xor(eax, edx);
        a.mov(ebx, 8);
        a.Label(ref bit);
        a.shr(eax, 1);
        a.jnc(skip);
        a.xor(eax, 0xEDB8_8320);
        a.Label(ref skip);
        a.dec(ebx);
        a.jnz(bit);
        a.inc(esi);
        a.dec(ecx);
        a.jnz(loop);
    }

    /// <summary>Copies words by REP MOVSD, looks at the ends, and fills as many by REP STOSD.</summary>
    public static void Strings(Assembler a, int words)
    {
        a.cld();
        a.mov(esi, CpuData.Source);
        a.mov(edi, CpuData.Target);
        a.mov(ecx, words);
        a.rep.movsd();
        a.mov(ebx, __dword_ptr[CpuData.Target]);
        a.xor(ebx, __dword_ptr[CpuData.Target + (uint)((words - 1) * 4)]);
        a.mov(eax, Filling);
        a.mov(edi, CpuData.Target);
        a.mov(ecx, words);
        a.rep.stosd();
        a.mov(eax, __dword_ptr[CpuData.Target + (uint)((words - 1) * 4)]);
        a.add(eax, ebx);
    }

    /// <summary>Products of doubles added up by the FPU.</summary>
    public static void FloatingPoint(Assembler a, int pairs)
    {
        Label loop = a.CreateLabel();
        a.fninit();
        a.fldz();
        a.mov(esi, CpuData.Doubles);
        a.mov(ecx, pairs);
        a.Label(ref loop);
        a.fld(__qword_ptr[esi]);
        a.fmul(__qword_ptr[esi + 8]);
        a.faddp(st1, st0);
        a.add(esi, 16);
        a.dec(ecx);
        a.jnz(loop);
        a.fistp(__dword_ptr[CpuData.Scratch]);
        a.mov(eax, __dword_ptr[CpuData.Scratch]);
    }

    /// <summary>All but strings and the FPU in turn, in the shares that code of kernels and programs has, about: hashing a quarter,
    /// copying and branches a fifth each, lists, calls and carries an eighth to a tenth each.</summary>
    public static void Mix(Assembler a, int _)
    {
        Hash(a, MixHash);
        a.push(eax);
        CopySum(a, MixWords);
        a.push(eax);
        List(a, MixLists);
        a.push(eax);
        Fibonacci(a, MixFibonacci);
        a.push(eax);
        AddCarry(a, MixAdditions);
        a.push(eax);
        Crc(a, MixBytes);
        for (int i = 0; i < 5; i++)
        {
            a.pop(edx);
            a.xor(eax, edx);
        }
    }

    /// <summary>What <see cref="Mix"/> comes to.</summary>
    public static uint MixModel() => CpuModels.Hash(MixHash) ^ CpuModels.Sum(MixWords) ^ CpuModels.List(MixLists)
        ^ CpuModels.Fibonacci(MixFibonacci) ^ CpuModels.BigSum(MixAdditions) ^ CpuModels.Crc(MixBytes);

    private const int MixHash = 5000;
    private const int MixWords = 8192;
    private const int MixLists = 2;
    private const int MixFibonacci = 16;
    private const int MixAdditions = 80;
    private const int MixBytes = 1536;
}
