namespace Gnomon.Cpu.Tests;

/// <summary>Multiplication and division, compared with the schoolbook's, and the sign extensions that go with them.</summary>
public sealed class IntegerMultiplyTests
{
    private const int Rounds = 150;

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(32)]
    public void Multiply_OneOperand_GivesTheDoubleProduct(int size)
    {
        using IntegerBench bench = new(size);
        foreach (bool signed in new[] { false, true })
        {
            foreach (Place place in IntegerBench.Places)
            {
                for (int i = 0; i < Rounds; i++)
                {
                    Operand operand = new(place, bench.Random.Next(8));
                    IntegerModel model = bench.Begin(place);
                    ulong product = Product(model.Get(new Operand(Place.Register), size), model.Get(operand, size), size, signed);
                    SetDouble(model, size, product);
                    SetOverflow(model, product, size, signed);
                    bench.Check(IntegerBench.Encode(size, [Opcode(size)], signed ? 5 : 4, operand), place);
                }
            }
        }
    }

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    public void Multiply_TwoAndThreeOperands_GivesTheLowProduct(int size)
    {
        using IntegerBench bench = new(size);
        foreach (Place place in IntegerBench.Places)
        {
            for (int i = 0; i < 3 * Rounds; i++)
            {
                Operand operand = new(place, bench.Random.Next(8));
                Operand destination = new(Place.Register, bench.Random.Next(8));
                IntegerModel model = bench.Begin(place);
                uint factor = bench.Value();
                byte[] immediate = BitConverter.GetBytes(factor);
                byte[] code;
                switch (i % 3)
                {
                    case 0:
                        factor = model.Get(destination, size);
                        code = IntegerBench.Encode(size, [0x0F, 0xAF], destination.Number, operand);
                        break;
                    case 1:
                        code = IntegerBench.Encode(size, [0x69], destination.Number, operand, false, immediate[..(size / 8)]);
                        break;
                    default:
                        factor = (factor & 0x80) != 0 ? factor | 0xFFFF_FF00 : factor & 0xFF;
                        code = IntegerBench.Encode(size, [0x6B], destination.Number, operand, false, immediate[0]);
                        break;
                }

                ulong product = Product(model.Get(operand, size), factor & IntegerModel.Mask(size), size, signed: true);
                model.Set(destination, size, (uint)product);
                SetOverflow(model, product, size, signed: true);
                bench.Check(code, place);
            }
        }
    }

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(32)]
    public void Divide_AnyOperands_GivesQuotientAndRemainderOrFaults(int size)
    {
        using IntegerBench bench = new(size);
        int faults = 0;
        int done = 0;
        foreach (bool signed in new[] { false, true })
        {
            foreach (Place place in IntegerBench.Places)
            {
                for (int i = 0; i < 4 * Rounds; i++)
                {
                    Operand operand = new(place, bench.Random.Next(8));
                    IntegerModel model = bench.Begin(place);
                    ShapeDividend(bench, size);
                    bench.Put(place);
                    CpuStop expected = CpuStop.Done;
                    if (TryDivide(GetDouble(model, size), model.Get(operand, size), size, signed, out uint quotient, out uint rest))
                    {
                        SetDouble(model, size, ((ulong)rest << size) | quotient);
                        model.Undefine(IntegerModel.Carry, IntegerModel.Overflow, IntegerModel.Sign, IntegerModel.Zero, IntegerModel.Adjust, IntegerModel.Parity);
                        done++;
                    }
                    else
                    {
                        expected = CpuStop.Exception(Vector.DivideError);
                        faults++;
                    }

                    bench.Check(IntegerBench.Encode(size, [Opcode(size)], signed ? 7 : 6, operand), place, expected);
                }
            }
        }

        Assert.True(faults > Rounds && done > Rounds, $"{faults} faults, {done} quotients");
    }

    [Fact]
    public void SignExtension_OfTheAccumulator_RepeatsTheSign()
    {
        using IntegerBench bench = new(1);
        for (int i = 0; i < 4 * Rounds; i++)
        {
            int size = (i & 1) != 0 ? 16 : 32;
            IntegerModel model = bench.Begin(Place.Register);
            Operand accumulator = new(Place.Register);
            byte opcode;
            if ((i & 2) != 0)
            {
                opcode = 0x98;
                for (int bit = size / 2; bit < size; bit++)
                {
                    bool sign = IntegerModel.Bit(model.Registers[0], (size / 2) - 1);
                    model.Registers[0] = (model.Registers[0] & ~(1u << bit)) | (sign ? 1u << bit : 0);
                }
            }
            else
            {
                opcode = 0x99;
                bool sign = IntegerModel.Bit(model.Get(accumulator, size), size - 1);
                model.Set(new Operand(Place.Register, 2), size, sign ? uint.MaxValue : 0);
            }

            bench.Check(size == 16 ? [0x66, opcode] : [opcode], Place.Register);
        }
    }

    private static byte Opcode(int size) => (byte)(size == 8 ? 0xF6 : 0xF7);

    // Half of the dividends are small enough for a quotient of the operand's size.
    private static void ShapeDividend(IntegerBench bench, int size)
    {
        IntegerModel model = bench.Model;
        if (bench.Random.Next(2) == 0)
        {
            uint high = (uint)bench.Random.Next(4);
            SetDouble(model, size, ((ulong)(high >= 2 ? 0 - (high - 1) : high) << size) | (bench.Value() & IntegerModel.Mask(size)));
        }
    }

    private static ulong GetDouble(IntegerModel model, int size) => size == 8
        ? model.Registers[0] & 0xFFFF
        : ((ulong)model.Get(new Operand(Place.Register, 2), size) << size) | model.Get(new Operand(Place.Register), size);

    private static void SetDouble(IntegerModel model, int size, ulong value)
    {
        model.Set(new Operand(Place.Register), size == 8 ? 16 : size, (uint)value);
        if (size != 8)
        {
            model.Set(new Operand(Place.Register, 2), size, (uint)(value >> size));
        }
    }

    private static void SetOverflow(IntegerModel model, ulong product, int size, bool signed)
    {
        bool fits = true;
        bool repeated = signed && ((product >> (size - 1)) & 1) != 0;
        for (int bit = size; bit < 2 * size; bit++)
        {
            fits &= (((product >> bit) & 1) != 0) == repeated;
        }

        model[IntegerModel.Carry] = !fits;
        model[IntegerModel.Overflow] = !fits;
        model.Undefine(IntegerModel.Sign, IntegerModel.Zero, IntegerModel.Adjust, IntegerModel.Parity);
    }

    private static ulong Product(uint left, uint right, int size, bool signed)
    {
        ulong sum = 0;
        for (int bit = 0; bit < size; bit++)
        {
            if (IntegerModel.Bit(right, bit))
            {
                // The top bit of a signed factor counts negative.
                ulong part = Extend(left, size, signed) << bit;
                sum = signed && bit == size - 1 ? sum - part : sum + part;
            }
        }

        return sum;
    }

    private static ulong Extend(ulong value, int size, bool signed)
    {
        for (int bit = size; signed && bit < 64; bit++)
        {
            value |= ((value >> (size - 1)) & 1) << bit;
        }

        return value;
    }

    private static bool TryDivide(ulong dividend, uint divisor, int size, bool signed, out uint quotient, out uint rest)
    {
        quotient = rest = 0;
        if (divisor == 0)
        {
            return false;
        }

        bool negativeDividend = signed && ((dividend >> ((2 * size) - 1)) & 1) != 0;
        bool negativeDivisor = signed && IntegerModel.Bit(divisor, size - 1);
        ulong mask = size == 32 ? ulong.MaxValue : (1UL << (2 * size)) - 1;
        ulong left = negativeDividend ? (0 - dividend) & mask : dividend;
        ulong right = negativeDivisor ? (0 - divisor) & IntegerModel.Mask(size) : divisor;
        ulong result = 0;
        ulong remainder = 0;
        for (int bit = (2 * size) - 1; bit >= 0; bit--)
        {
            remainder = (remainder << 1) | ((left >> bit) & 1);
            result <<= 1;
            if (remainder >= right)
            {
                remainder -= right;
                result |= 1;
            }
        }

        bool negative = negativeDividend != negativeDivisor;
        ulong largest = !signed ? IntegerModel.Mask(size) : negative ? 1UL << (size - 1) : (1UL << (size - 1)) - 1;
        quotient = (uint)(negative ? 0 - result : result) & IntegerModel.Mask(size);
        rest = (uint)(negativeDividend ? 0 - remainder : remainder) & IntegerModel.Mask(size);
        return result <= largest;
    }
}
