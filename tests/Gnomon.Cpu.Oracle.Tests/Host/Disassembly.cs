namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>Decoding and printing in the way of the profile.</summary>
internal static class Disassembly
{
    /// <summary>Decodes one instruction of a 32-bit code segment.</summary>
    public static Instruction Decode(ReadOnlySpan<byte> code, uint eip)
    {
        var decoder = Decoder.Create(32, new ByteArrayCodeReader(code.ToArray()), eip);
        return decoder.Decode();
    }

    /// <summary>The instruction in Intel's notation.</summary>
    public static string Format(in Instruction instruction)
    {
        var output = new StringOutput();
        new IntelFormatter().Format(instruction, output);
        return output.ToStringAndReset();
    }
}
