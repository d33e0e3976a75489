using System.Collections.Frozen;

namespace Gnomon.Cpu.Oracle.Tests.Coverage;

/// <summary>
/// The instructions of the processor that Gnomon models: an i686 with FPU, VME, DE, TSC, MSR, CX8, CMOV, PGE, PSE, PAE, SEP, FXSR and
/// NX, in 32-bit code with both operand sizes. RDPMC has no CPUID bit: every processor of family 6 has it (Intel SDM vol. 2, RDPMC).
/// Derived from what Iced says of each <see cref="Code"/>.
/// </summary>
internal static class Profile
{
    private static readonly FrozenSet<CpuidFeature> _features = new[]
    {
        CpuidFeature.INTEL8086, CpuidFeature.INTEL186, CpuidFeature.INTEL286, CpuidFeature.INTEL386, CpuidFeature.INTEL486,
        CpuidFeature.FPU, CpuidFeature.FPU287, CpuidFeature.FPU387, CpuidFeature.CPUID, CpuidFeature.TSC, CpuidFeature.MSR,
        CpuidFeature.CX8, CpuidFeature.CMOV, CpuidFeature.RDPMC, CpuidFeature.SEP, CpuidFeature.FXSR, CpuidFeature.MULTIBYTENOP, CpuidFeature.PAUSE,
    }.ToFrozenSet();

    /// <summary>Every instruction of the profile.</summary>
    public static IReadOnlyList<Code> Codes { get; } =
    [
        .. Enum.GetValues<Code>().Where(code =>
            code.ToOpCode() is { IsInstruction: true, Mode32: true }
            && code.CpuidFeatures().All(_features.Contains)
            && !IsTwoInstructions(code)),
    ];

    /// <summary>The instructions that are compared with the host.</summary>
    public static IReadOnlyList<Code> Compared { get; } = [.. Codes.Where(code => NotCompared.Reason(code) is null)];

    private static readonly FrozenSet<Code> _compared = Compared.ToFrozenSet();

    /// <summary>True for an instruction in <see cref="Compared"/>.</summary>
    public static bool IsCompared(Code code) => _compared.Contains(code);

    /// <summary>True for instructions that use the x87 state.</summary>
    public static bool UsesFpu(Code code) =>
        code is Code.Wait or Code.Fxsave_m512byte or Code.Fxrstor_m512byte
        || code.CpuidFeatures().Any(feature => feature is CpuidFeature.FPU or CpuidFeature.FPU287 or CpuidFeature.FPU387);

    /// <summary>The group of an instruction in reports.</summary>
    public static string Category(Code code) =>
        UsesFpu(code) ? "x87"
        : code.ToOpCode() is { Cpl3: false } ? "privileged"
        : code.FlowControl() != FlowControl.Next ? "control transfer"
        : code.IsStringInstruction() ? "string"
        : code.IsStackInstruction() ? "stack"
        : NotCompared.Segments(code) ? "segments"
        : "integer";

    /// <summary>The assembler's names for WAIT and another instruction; the processor and the decoder see two.</summary>
    private static bool IsTwoInstructions(Code code) => code.ToOpCode().ToOpCodeString().StartsWith("9B ", StringComparison.Ordinal);
}
