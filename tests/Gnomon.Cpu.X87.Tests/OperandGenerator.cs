namespace Gnomon.Cpu.X87.Tests;

/// <summary>Operands and states that crowd at the borders: denormals, near overflow, halves, NaNs, unsupported encodings.</summary>
internal sealed class OperandGenerator(int seed)
{
    private readonly Random _random = new(seed);

    public int Next(int limit) => _random.Next(limit);

    public bool Chance(int oneIn) => _random.Next(oneIn) == 0;

    public ulong Bits() => (ulong)_random.NextInt64(long.MinValue, long.MaxValue);

    /// <summary>A significand of 64 bits: random, sparse, runs of ones, or halves of some precision.</summary>
    public ulong Significand()
    {
        int shift = Next(64);
        return Next(8) switch
        {
            0 => Bits(),
            1 => 1UL << shift,
            2 => (1UL << 63) | (1UL << shift),
            3 => ulong.MaxValue << shift,
            4 => ulong.MaxValue >> shift,
            5 => (Bits() << 40) | (1UL << 39) | (Chance(2) ? 0UL : (ulong)Next(3)),
            6 => (Bits() << 11) | (1UL << 10) | (Chance(2) ? 0UL : (ulong)Next(3)),
            _ => (1UL << 63) + (ulong)(long)(Next(9) - 4),
        };
    }

    public Float80 Number()
    {
        uint sign = (uint)Next(2);
        ulong normal = Significand() | (1UL << 63);
        return Next(24) switch
        {
            0 => new Float80(sign, 0, 0),
            1 => new Float80(sign, 0x7FFF, 1UL << 63),
            2 => new Float80(sign, 0x7FFF, Significand() | (3UL << 62)),
            3 => new Float80(sign, 0x7FFF, (Significand() & ~(1UL << 62)) | (1UL << 63) | 1),
            4 => new Float80(sign, Next(0x8000), Significand() & ~(1UL << 63)),
            5 or 6 => new Float80(sign, 0, Significand()),
            7 => new Float80(sign, Next(130), normal),
            8 => new Float80(sign, 0x7FFE - Next(130), normal),
            9 => new Float80(sign, 16383 - 16382 / 2 + Next(140) - 70, normal),
            10 => new Float80(sign, 16383 + 16383 / 2 + Next(140) - 70, normal),
            11 => new Float80(sign, 16383 + (Chance(2) ? 1023 : -1022) + Next(60) - 55, normal),
            12 => new Float80(sign, 16383 + (Chance(2) ? 127 : -126) + Next(40) - 30, normal),
            13 => new Float80(sign, Next(0x7FFF), normal),
            14 => Integer(),
            _ => new Float80(sign, 16383 + Next(140) - 70, normal),
        };
    }

    public Float80 Integer()
    {
        ulong bits = Bits() >> Next(64);
        int shift = System.Numerics.BitOperations.LeadingZeroCount(bits);
        return bits == 0 ? default : new Float80((uint)Next(2), 16383 + 63 - shift, bits << shift);
    }

    /// <summary>10 bytes of memory operand, as whatever format the instruction takes.</summary>
    public void Operand(Span<byte> bytes)
    {
        _random.NextBytes(bytes);
        switch (Next(8))
        {
            case 0:
                bytes[..10].Clear();
                break;
            case 1:
                // A single or double with the extreme exponents.
                uint high = Chance(2) ? 0u : 0xFF;
                bytes[3] = bytes[7] = (byte)(((uint)Next(2) << 7) | (high >> 1));
                bytes[2] = bytes[6] = (byte)((high << 7) | (uint)Next(128));
                if (Chance(2))
                {
                    bytes[6] = (byte)((high << 4) | (uint)Next(16));
                }
                break;
            case 2:
                bytes[..8].Clear();
                bytes[3] = bytes[7] = (byte)Bits();
                bytes[2] = bytes[6] = (byte)Bits();
                break;
            case 3:
                bytes[3] = bytes[7] = (byte)(0x3F | (Next(2) << 7));
                break;
            case 4:
                BitConverter.TryWriteBytes(bytes, Number().Significand);
                BitConverter.TryWriteBytes(bytes[8..], Number().SignExponent);
                break;
            case 5:
                bytes[..8].Fill((byte)(Chance(2) ? 0 : 0xFF));
                bytes[Next(8)] ^= (byte)(1 << Next(8));
                break;
        }
    }

    /// <summary>A state without a pending exception: any control word, flags that are masked, any TOP and contents.</summary>
    public X87State State(bool full)
    {
        X87State state = default;
        uint control = (uint)(0x40 | (Next(4) << 8) | (Next(4) << 10) | (Next(2) << 12));
        control |= Next(3) == 0 ? (uint)Next(64) : 0x3F;
        uint flags = (uint)Next(64) & control & (Chance(2) ? 0u : 0x3F);
        state.Control = (ushort)control;
        state.Status = (ushort)(flags | (uint)(Next(8) << 11) | (Bits() & 0x4740 & (Chance(2) ? 0UL : ulong.MaxValue)));
        state.Occupied = (byte)(full ? 0x7F : Next(256));
        if (full)
        {
            state.Occupied = (byte)~(1 << ((state.Top + 7) & 7));
        }
        for (int i = 0; i < 8; i++)
        {
            state.Registers[i] = Number();
        }
        if (Chance(4))
        {
            Relate(ref state);
        }
        return state;
    }

    /// <summary>ST(1) near ST(0): cancellations, ties and remainders.</summary>
    private void Relate(ref X87State state)
    {
        Float80 top = state.Get(0);
        int exponent = Math.Clamp(top.Exponent + Next(5) - 2, 0, 0x7FFF);
        ulong significand = top.Significand ^ (Chance(2) ? 0 : 1UL << Next(63));
        state.Registers[(state.Top + 1 + Next(3)) & 7] = new Float80((uint)Next(2), exponent, significand);
    }
}
