namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>Decoding and printing now and then; who decodes much has an <see cref="InstructionDecoder"/>.</summary>
internal static class Disassembly
{
    /// <summary>Decodes one instruction of a 32-bit code segment, strictly.</summary>
    public static Instruction Decode(ReadOnlySpan<byte> code, uint eip) => new InstructionDecoder().Strictly(code, eip);

    /// <summary>The instruction in Intel's notation, even if its use of LOCK or of a register is invalid.</summary>
    public static string Format(ReadOnlySpan<byte> code, uint eip)
    {
        var output = new StringOutput();
        new IntelFormatter().Format(new InstructionDecoder().Loosely(code, eip), output);
        return output.ToStringAndReset();
    }
}
