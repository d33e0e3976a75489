using System.Numerics;

namespace Gnomon.Shadow;

/// <summary>A set of positions of shadow entries: a bit for each that there can be, kept from one audit to the next.</summary>
internal sealed class PositionSet
{
    private const int BitsShift = 6;
    private ulong[] _bits = [];

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>Those that there are, from the lowest on. The set must not change meanwhile.</summary>
    public IEnumerable<uint> All
    {
        get
        {
            for (int word = 0; word < _bits.Length; word++)
            {
                for (ulong rest = _bits[word]; rest != 0; rest &= rest - 1)
                {
                    yield return ((uint)word << BitsShift) + (uint)BitOperations.TrailingZeroCount(rest);
                }
            }
        }
    }

    /// <summary>Empties it, and makes room for positions below <paramref name="end"/>.</summary>
    public void Reset(uint end)
    {
        int words = (int)((end + 63) >> BitsShift);
        if (_bits.Length < words)
        {
            _bits = new ulong[words];
        }
        else if (Count != 0)
        {
            _bits.AsSpan().Clear();
        }

        Count = 0;
    }

    /// <summary>Puts in one that is not there.</summary>
    public void Add(uint position)
    {
        _bits[position >> BitsShift] |= 1UL << (int)(position & 63);
        Count++;
    }

    /// <summary>Takes it out.</summary>
    /// <returns>Whether it was there; false for a position that cannot be.</returns>
    public bool Remove(uint position)
    {
        uint word = position >> BitsShift;
        ulong bit = 1UL << (int)(position & 63);
        if (word >= (uint)_bits.Length || (_bits[word] & bit) == 0)
        {
            return false;
        }

        _bits[word] &= ~bit;
        Count--;
        return true;
    }
}
