using System.Buffers;
using System.Buffers.Binary;

namespace Gnomon.Cpu.State;

/// <summary>Goes through the fields of a state in their order: one list of fields serves saving and loading.</summary>
internal interface IStateVisitor
{
    /// <summary>Whether fields get values here.</summary>
    static abstract bool IsLoading { get; }

    /// <summary>A field of 1, 2, 4 or 8 bytes.</summary>
    /// <param name="value">The field, zero-extended.</param>
    /// <param name="bytes">Its size.</param>
    /// <returns>What it is now.</returns>
    ulong Field(ulong value, int bytes);
}

/// <summary>The fields as the visitors see them.</summary>
internal static class StateFields
{
    public static void Value<T>(ref this T visitor, ref byte value)
        where T : struct, IStateVisitor => value = (byte)visitor.Field(value, 1);

    public static void Value<T>(ref this T visitor, ref bool value)
        where T : struct, IStateVisitor
    {
        ulong now = visitor.Field(value ? 1u : 0, 1);
        Require(now <= 1, "a flag is neither 0 nor 1");
        value = now == 1;
    }

    public static void Value<T>(ref this T visitor, ref ushort value)
        where T : struct, IStateVisitor => value = (ushort)visitor.Field(value, 2);

    public static void Value<T>(ref this T visitor, ref uint value)
        where T : struct, IStateVisitor => value = (uint)visitor.Field(value, 4);

    public static void Value<T>(ref this T visitor, ref ulong value)
        where T : struct, IStateVisitor => value = visitor.Field(value, 8);

    /// <summary>Refuses a state.</summary>
    public static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new CpuStateException($"The processor's state cannot be loaded: {otherwise}.");
        }
    }
}

/// <summary>Writes the fields.</summary>
internal readonly struct StateSaver(IBufferWriter<byte> output) : IStateVisitor
{
    public static bool IsLoading => false;

    public ulong Field(ulong value, int bytes)
    {
        Span<byte> place = output.GetSpan(sizeof(ulong));
        BinaryPrimitives.WriteUInt64LittleEndian(place, value);
        output.Advance(bytes);
        return value;
    }
}

/// <summary>Reads the fields.</summary>
internal struct StateLoader(ReadOnlyMemory<byte> input) : IStateVisitor
{
    private ReadOnlyMemory<byte> _rest = input;

    public static bool IsLoading => true;

    public readonly bool IsAtEnd => _rest.IsEmpty;

    public ulong Field(ulong value, int bytes)
    {
        StateFields.Require(_rest.Length >= bytes, "it ends too early");
        Span<byte> whole = stackalloc byte[sizeof(ulong)];
        whole.Clear();
        _rest.Span[..bytes].CopyTo(whole);
        _rest = _rest[bytes..];
        return BinaryPrimitives.ReadUInt64LittleEndian(whole);
    }
}
