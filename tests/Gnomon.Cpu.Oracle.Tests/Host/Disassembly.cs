namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>Decoding and printing in the way of the profile.</summary>
internal static class Disassembly
{
    /// <summary>Decodes one instruction of a 32-bit code segment, strictly: LOCK where it is not allowed makes it invalid.</summary>
    public static Instruction Decode(ReadOnlySpan<byte> code, uint eip) => Decode(code, eip, DecoderOptions.ForceReservedNop);

    /// <summary>Decodes one instruction whose use of LOCK or of a register may be invalid.</summary>
    public static Instruction DecodeLoosely(ReadOnlySpan<byte> code, uint eip) =>
        Decode(code, eip, DecoderOptions.ForceReservedNop | DecoderOptions.NoInvalidCheck);

    /// <summary>Decodes one instruction as a processor with newer hints would.</summary>
    public static Instruction DecodePlainly(ReadOnlySpan<byte> code, uint eip) => Decode(code, eip, DecoderOptions.NoInvalidCheck);

    /// <summary>Where an instruction's displacement and immediates lie in its bytes.</summary>
    public static ConstantOffsets Constants(ReadOnlySpan<byte> code, uint eip)
    {
        var decoder = Decoder.Create(32, code.ToArray(), eip, DecoderOptions.ForceReservedNop | DecoderOptions.NoInvalidCheck);
        return decoder.GetConstantOffsets(decoder.Decode());
    }

    /// <summary>The instruction in Intel's notation.</summary>
    public static string Format(in Instruction instruction)
    {
        var output = new StringOutput();
        new IntelFormatter().Format(instruction, output);
        return output.ToStringAndReset();
    }

    private static Instruction Decode(ReadOnlySpan<byte> code, uint eip, DecoderOptions options) =>
        Decoder.Create(32, code.ToArray(), eip, options).Decode();
}
