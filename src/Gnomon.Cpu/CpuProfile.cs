namespace Gnomon.Cpu;

/// <summary>What CPUID answers. A profile never announces what the processor does not have.</summary>
public sealed record CpuProfile
{
    /// <summary>A 32-bit processor of family 6 with FPU, VME, DE, PSE, TSC, MSR, PAE, CX8, SEP, PGE, CMOV, FXSR and NX.</summary>
    public static CpuProfile Default { get; } = new();

    /// <summary>The vendor, 12 ASCII characters.</summary>
    public string Vendor { get; init; } = "GenuineIntel";

    /// <summary>The brand, at most 47 ASCII characters.</summary>
    public string Brand { get; init; } = "Gnomon IA-32";

    /// <summary>The signature in EAX of leaf 1: family, model, stepping.</summary>
    public uint Signature { get; init; } = 0x6A1;

    /// <summary>Features of leaf 1, EDX. Bits that the processor does not have are ignored.</summary>
    public uint Features { get; init; } = Implemented;

    /// <summary>Whether leaf 0x80000001 has NX, and EFER is there.</summary>
    public bool NoExecute { get; init; } = true;

    /// <summary>FPU VME DE PSE TSC MSR PAE CX8 SEP PGE CMOV FXSR.</summary>
    public const uint Implemented = (1 << 0) | (1 << 1) | (1 << 2) | (1 << 3) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 8)
        | (1 << 11) | (1 << 13) | (1 << 15) | (1 << 24);

    /// <summary>Whether a feature of leaf 1, EDX is there.</summary>
    /// <param name="bit">0 … 31.</param>
    public bool Has(int bit) => (Features & Implemented & (1u << bit)) != 0;
}
