using System.Runtime.InteropServices;

namespace Gnomon.Cpu.X87.Tests;

/// <summary>The x87 FPU of this machine: executes one instruction on a whole state, through machine code in a page of its own.</summary>
internal sealed unsafe partial class HostFpu : IDisposable
{
    private const int StubSize = 64;
    private const int StubCount = 8 * 256;
    private const int PageLength = StubSize * (StubCount + 1);
    private const int ReadWriteExecute = 7;
    private const int PrivateAnonymous = 0x22;

    private readonly byte* _page;

    public HostFpu()
    {
        Oracle.RequirePlatform(
            OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64, "Linux on an x86-64 processor");
        nint page = Map(0, PageLength, ReadWriteExecute, PrivateAnonymous, -1, 0);
        Assert.NotEqual(-1, page);
        _page = (byte*)page;
        for (int i = 0; i < StubCount; i++)
        {
            Emit(new Span<byte>(_page + (i * StubSize), StubSize), (byte)(0xD8 + (i >> 8)), (byte)i);
        }
    }

    public static bool IsAmd { get; } = File.Exists("/proc/cpuinfo") && File.ReadAllText("/proc/cpuinfo").Contains("AuthenticAMD", StringComparison.Ordinal);

    /// <summary>FRSTOR of <paramref name="before"/>, the instruction, FNSAVE to <paramref name="after"/>.</summary>
    /// <param name="modrm">C0H or more, or the reg field in bits 5:3 for an operand at <paramref name="operand"/>.</param>
    /// <returns>EFLAGS in the upper half, EAX in the lower.</returns>
    public ulong Run(int opcode, int modrm, ReadOnlySpan<byte> before, Span<byte> after, Span<byte> operand, uint eflags)
    {
        int stub = ((opcode - 0xD8) << 8) | (modrm >= 0xC0 ? modrm : (modrm & 0x38) | 2);
        var code = (delegate* unmanaged<byte*, byte*, byte*, ulong, ulong*, ulong>)(_page + (stub * StubSize));
        ulong flags;
        fixed (byte* from = before, to = after, memory = operand)
        {
            // SAFETY: the stub reads 108 bytes at from, writes 108 at to, and accesses at most 108 at memory; all spans are longer.
            ulong eax = code(from, to, memory, eflags, &flags);
            return (flags << 32) | (uint)eax;
        }
    }

    /// <summary>Runs any code with <paramref name="from"/> at RDI, <paramref name="to"/> at RSI and <paramref name="operand"/> at RDX; it may
    /// change them, RAX and the FPU. At the end FNINIT is executed.</summary>
    public void RunCode(ReadOnlySpan<byte> code, ReadOnlySpan<byte> from, Span<byte> to, Span<byte> operand)
    {
        Span<byte> stub = new(_page + (StubCount * StubSize), StubSize);
        code.CopyTo(stub);
        ReadOnlySpan<byte> end = [0xDB, 0xE3, 0xC3]; // fninit; ret
        end.CopyTo(stub[code.Length..]);
        var entry = (delegate* unmanaged<byte*, byte*, byte*, void>)(_page + (StubCount * StubSize));
        fixed (byte* source = from, target = to, memory = operand)
        {
            // SAFETY: the tests' code stays within the 512 bytes of each span.
            entry(source, target, memory);
        }
    }

    public void Dispose() => _ = Unmap((nint)_page, PageLength);

    private static void Emit(Span<byte> stub, byte opcode, byte modrm)
    {
        ReadOnlySpan<byte> code =
        [
            0xDD, 0x27,             // frstor [rdi]
            0xB8, 0xA5, 0xA5, 0, 0, // mov eax, 0xA5A5
            0x51, 0x9D,             // push rcx; popfq
            opcode, modrm,          // the instruction, with its operand at [rdx]
            0x9C, 0x41, 0x8F, 0x00, // pushfq; pop [r8]
            0xDD, 0x36,             // fnsave [rsi]
            0xC3,                   // ret
        ];
        code.CopyTo(stub);
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nint length);
}
