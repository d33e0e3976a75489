using System.Buffers.Binary;
using System.Numerics;

namespace Gnomon.Devices;

/// <summary>
/// Random bytes that a seed determines, so that a run can be repeated; no secret should rest on them.
/// The generator is xoshiro256** (Blackman, Vigna 2018), its state filled by SplitMix64.
/// </summary>
public sealed class SeededEntropy : IEntropySource, IDeviceState
{
    private readonly ulong[] _state = new ulong[4];

    /// <summary>Makes a source.</summary>
    /// <param name="seed">The same seed gives the same bytes.</param>
    public SeededEntropy(ulong seed)
    {
        foreach (ref ulong word in _state.AsSpan())
        {
            seed += 0x9E3779B97F4A7C15;
            ulong mixed = (seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9;
            mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
            word = mixed ^ (mixed >> 31);
        }
    }

    /// <inheritdoc/>
    /// <remarks>Each call begins with a fresh word of eight bytes.</remarks>
    public void Fill(Span<byte> bytes)
    {
        Span<byte> word = stackalloc byte[8];
        while (bytes.Length > 0)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(word, Next());
            int length = Math.Min(8, bytes.Length);
            word[..length].CopyTo(bytes);
            bytes = bytes[length..];
        }
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Begin("entropy source", 1);
        foreach (ulong word in _state)
        {
            writer.Write(word);
        }

        writer.End();
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        _ = reader.Begin("entropy source", 1);
        foreach (ref ulong word in _state.AsSpan())
        {
            word = reader.ReadUInt64();
        }

        if (!_state.AsSpan().ContainsAnyExcept(0ul))
        {
            throw reader.Damaged("a generator whose state is zero gives only zeros");
        }

        reader.End();
    }

    private ulong Next()
    {
        ulong result = BitOperations.RotateLeft(_state[1] * 5, 7) * 9;
        ulong shifted = _state[1] << 17;
        _state[2] ^= _state[0];
        _state[3] ^= _state[1];
        _state[1] ^= _state[2];
        _state[0] ^= _state[3];
        _state[2] ^= shifted;
        _state[3] = BitOperations.RotateLeft(_state[3], 45);
        return result;
    }
}
