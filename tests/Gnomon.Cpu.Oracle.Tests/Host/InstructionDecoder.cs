namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>
/// Decodes single instructions of a 32-bit code segment in the way of the profile, without garbage. "Loosely" accepts what is invalid only
/// for its use of LOCK or of a register, and knows the reserved NOPs; "plainly" names those as newer processors do.
/// </summary>
internal sealed class InstructionDecoder
{
    private const DecoderOptions Strict = DecoderOptions.ForceReservedNop;

    private readonly Reader _reader = new();
    private readonly Decoder _strict;
    private readonly Decoder _loose;
    private readonly Decoder _plain;

    public InstructionDecoder()
    {
        _strict = Decoder.Create(32, _reader, Strict);
        _loose = Decoder.Create(32, _reader, Strict | DecoderOptions.NoInvalidCheck);
        _plain = Decoder.Create(32, _reader, DecoderOptions.NoInvalidCheck);
    }

    public Instruction Strictly(ReadOnlySpan<byte> code, uint eip) => Decode(_strict, code, eip);

    public Instruction Loosely(ReadOnlySpan<byte> code, uint eip) => Decode(_loose, code, eip);

    public Instruction Plainly(ReadOnlySpan<byte> code, uint eip) => Decode(_plain, code, eip);

    /// <summary>Where an instruction's displacement and immediates lie in its bytes.</summary>
    public ConstantOffsets Constants(ReadOnlySpan<byte> code, uint eip)
    {
        Instruction instruction = Loosely(code, eip);
        return _loose.GetConstantOffsets(instruction);
    }

    private Instruction Decode(Decoder decoder, ReadOnlySpan<byte> code, uint eip)
    {
        _reader.Load(code);
        decoder.IP = eip;
        decoder.Decode(out Instruction instruction);
        return instruction;
    }

    private sealed class Reader : CodeReader
    {
        private readonly byte[] _bytes = new byte[32];
        private int _at;
        private int _end;

        public void Load(ReadOnlySpan<byte> code)
        {
            _end = Math.Min(code.Length, _bytes.Length);
            code[.._end].CopyTo(_bytes);
            _at = 0;
        }

        public override int ReadByte() => _at < _end ? _bytes[_at++] : -1;
    }
}
