using System.Buffers.Binary;

namespace Gnomon.Cpu.Oracle.Tests.Generation;

/// <summary>Operand values with an inclination to the limits of the types.</summary>
internal static class Values
{
    private static readonly uint[] _limits =
    [
        0, 1, 2, 3, 0x7F, 0x80, 0x81, 0xFF, 0x100, 0x7FFF, 0x8000, 0x8001, 0xFFFF, 0x1_0000, 0x7FFF_FFFF, 0x8000_0000, 0x8000_0001,
        0xFFFF_FF7F, 0xFFFF_FF80, 0xFFFF_7FFF, 0xFFFF_8000, 0xFFFF_FFFE, 0xFFFF_FFFF, 0x7F7F_7F7F, 0x8080_8080, 0x0F0F_0F0F, 0x9999_9999,
    ];

    /// <summary>Selectors that may be loaded on the host: null, the flat ones, all of the LDT, and beyond the tables' limits.</summary>
    private static readonly ushort[] _selectors =
    [
        0, 1, 2, 3, 0x20, 0x23, 0x28, 0x2B, 0x2B, 0x2B, 0x29, 0x21, 0x80, 0x83, 0xFFF8, 0xFFFB, 0xFFFF, 0x107, 0x204,
        .. Enumerable.Range(0, Host.LocalDescriptors.All.Length).Select(index => Host.LocalDescriptors.Selector(index)),
        .. Enumerable.Range(0, Host.LocalDescriptors.All.Length).Select(index => (ushort)(Host.LocalDescriptors.Selector(index) & ~3)),
    ];

    public static uint Integer(ref SeededRandom random) => random.Below(10) switch
    {
        < 4 => random.Pick<uint>(_limits),
        4 => (uint)random.Below(40),
        5 => random.Next32() >> random.Below(32),
        _ => random.Next32(),
    };

    public static ushort Selector(ref SeededRandom random) => random.Pick<ushort>(_selectors);

    /// <summary>True where the host may be given this selector: see <see cref="Host.AddressMap.GdtLimit"/>.</summary>
    public static bool IsKnownSelector(ushort selector) => Array.IndexOf(_selectors, (ushort)(selector & ~3)) >= 0 || Array.IndexOf(_selectors, selector) >= 0;

    /// <summary>The ten bytes of an x87 register: every class of number, and the unsupported formats.</summary>
    public static void Extended(ref SeededRandom random, Span<byte> bytes)
    {
        ulong significand = random.Below(4) switch
        {
            0 => 0x8000_0000_0000_0000,
            1 => 0x8000_0000_0000_0000 | (random.Next64() << random.Below(64)),
            2 => ulong.MaxValue << random.Below(64),
            _ => random.Next64() | 0x8000_0000_0000_0000,
        };
        int exponent = 0x3FFF + random.Below(9) - 4;
        switch (random.Below(24))
        {
            case 0 or 1:
                (exponent, significand) = (0, 0);
                break;
            case 2:
                exponent = 0x7FFF;
                significand = 0x8000_0000_0000_0000;
                break;
            case 3:
                exponent = 0x7FFF;
                significand |= 0xC000_0000_0000_0000;
                break;
            case 4:
                exponent = 0x7FFF;
                significand = (significand & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0001;
                break;
            case 5:
                exponent = 0;
                significand &= long.MaxValue;
                break;
            case 6:
                exponent = 0;
                break;
            case 7:
                exponent = random.Below(0x8000);
                significand = random.Next64();
                break;
            case 8:
                exponent = random.Below(0x8000);
                break;
            case 9:
                exponent = random.Chance(50) ? 1 + random.Below(70) : 0x7FFE - random.Below(70);
                break;
            case 10 or 11 or 12:
                exponent = 0x3FFF + random.Below(70);
                break;
            case 13:
                exponent = 0x3FFF - random.Below(70);
                break;
            case 14:
                exponent = 0x3FFF + random.Pick<int>([-149, -127, -126, 127, 128, -1074, -1023, -1022, 1023, 1024]) + random.Below(5) - 2;
                break;
            case 15 or 16:
                int bits = 1 + random.Below(16);
                exponent = 0x3FFF + bits - 1;
                significand = (random.Next64() | 0x8000_0000_0000_0000) & (ulong.MaxValue << (64 - bits));
                break;
        }

        BinaryPrimitives.WriteUInt64LittleEndian(bytes, significand);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[8..], (ushort)(exponent | (random.Chance(50) ? 0x8000 : 0)));
    }

    public static uint Single(ref SeededRandom random) => random.Below(8) switch
    {
        0 => random.Pick<uint>([0, 0x8000_0000, 0x7F80_0000, 0xFF80_0000, 0x7FC0_0000, 0x7F80_0001, 1, 0x007F_FFFF, 0x0080_0000, 0x7F7F_FFFF]),
        1 => random.Next32(),
        2 => (random.Next32() & 0x807F_FFFF) | (random.Chance(50) ? 0u : 0x7F80_0000),
        _ => (random.Next32() & 0x807F_FFFF) | ((uint)(127 - 8 + random.Below(16)) << 23),
    };

    public static ulong Double(ref SeededRandom random) => random.Below(8) switch
    {
        0 => random.Pick<ulong>([0, 1UL << 63, 0x7FFUL << 52, 0xFFFUL << 52, 0x7FF8UL << 48, (0x7FFUL << 52) | 1, 1, (1UL << 52) - 1, 1UL << 52]),
        1 => random.Next64(),
        2 => (random.Next64() & 0x800F_FFFF_FFFF_FFFF) | (random.Chance(50) ? 0 : 0x7FFUL << 52),
        _ => (random.Next64() & 0x800F_FFFF_FFFF_FFFF) | ((ulong)(1023 - 8 + random.Below(16)) << 52),
    };

    /// <summary>A packed decimal of eighteen digits, now and then with digits that are none.</summary>
    public static void Decimal(ref SeededRandom random, Span<byte> bytes)
    {
        bool valid = random.Chance(85);
        for (int i = 0; i < 9; i++)
        {
            bytes[i] = valid ? (byte)((random.Below(10) << 4) | random.Below(10)) : (byte)random.Next32();
        }

        bytes[9] = (byte)(random.Chance(50) ? 0x80 : 0);
        if (random.Chance(10))
        {
            bytes[..9].Fill(random.Chance(50) ? (byte)0 : (byte)0x99);
        }
    }
}
