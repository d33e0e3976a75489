namespace Gnomon.Cpu.Tests;

/// <summary>Decimal adjustment: that decimal sums and differences come out, and every other input by the manual's steps.</summary>
public sealed class IntegerDecimalTests
{
    private const int Accumulator = 0;

    [Theory]
    [InlineData(0x00, 0x27)] // ADD AL, BL; DAA
    [InlineData(0x28, 0x2F)] // SUB AL, BL; DAS
    public void PackedDigits_AllPairs_AddAndSubtractInDecimal(byte binary, byte adjust)
    {
        using CpuFixture cpu = new();
        for (int left = 0; left < 100; left++)
        {
            for (int right = 0; right < 100; right++)
            {
                cpu.Registers[GeneralRegister.Eax] = Packed(left);
                cpu.Registers[GeneralRegister.Ebx] = Packed(right);
                Assert.Equal(CpuStop.Done, cpu.Execute([binary, 0xD8, adjust], 2));

                int exact = binary == 0 ? left + right : left - right;
                Assert.Equal(Packed((exact + 100) % 100), cpu.Registers[GeneralRegister.Eax]);
                Assert.Equal(exact is < 0 or > 99, (cpu.Registers.Eflags & 1) != 0);
            }
        }
    }

    [Theory]
    [InlineData(0x00, 0x37)] // ADD AL, BL; AAA
    [InlineData(0x28, 0x3F)] // SUB AL, BL; AAS
    public void UnpackedDigits_AllPairs_AddAndSubtractInDecimal(byte binary, byte adjust)
    {
        using CpuFixture cpu = new();
        for (int left = 0; left < 10; left++)
        {
            for (int right = 0; right < 10; right++)
            {
                cpu.Registers[GeneralRegister.Eax] = 0xABCD_0500 + (uint)left;
                cpu.Registers[GeneralRegister.Ebx] = (uint)right;
                Assert.Equal(CpuStop.Done, cpu.Execute([binary, 0xD8, adjust], 2));

                int exact = binary == 0 ? left + right : left - right;
                int tens = exact < 0 ? 4 : exact > 9 ? 6 : 5;
                Assert.Equal(0xABCD_0000 + (uint)((tens << 8) | ((exact + 10) % 10)), cpu.Registers[GeneralRegister.Eax]);
                Assert.Equal(exact is < 0 or > 9 ? 0x11u : 0, cpu.Registers.Eflags & 0x11);
            }
        }
    }

    [Theory]
    [InlineData(0x27)]
    [InlineData(0x2F)]
    [InlineData(0x37)]
    [InlineData(0x3F)]
    public void Adjustment_OfEveryInput_FollowsTheManualsSteps(byte opcode)
    {
        using IntegerBench bench = new(opcode);
        for (uint input = 0; input < 4 * 256; input++)
        {
            IntegerModel model = bench.Begin(Place.Register);
            model.Set(new Operand(Place.Register), 8, input);
            model[IntegerModel.Carry] = (input & 0x100) != 0;
            model[IntegerModel.Adjust] = (input & 0x200) != 0;
            bench.Put(Place.Register);
            if (opcode < 0x30)
            {
                AdjustPacked(model, opcode == 0x2F);
            }
            else
            {
                AdjustUnpacked(model, opcode == 0x3F);
            }

            bench.Check([opcode], Place.Register);
        }
    }

    [Fact]
    public void Aam_AnyBase_SplitsAlAndFaultsOnZero()
    {
        using IntegerBench bench = new(3);
        for (int i = 0; i < 1000; i++)
        {
            byte radix = i % 4 == 0 ? (byte)10 : (byte)bench.Random.Next(256);
            IntegerModel model = bench.Begin(Place.Register);
            if (radix == 0)
            {
                bench.Check([0xD4, 0], Place.Register, CpuStop.Exception(Vector.DivideError));
                continue;
            }

            uint rest = model.Registers[Accumulator] & 0xFF;
            uint whole = 0;
            while (rest >= radix)
            {
                rest -= radix;
                whole++;
            }

            model.Set(new Operand(Place.Register), 16, (whole << 8) | rest);
            model.SetResult(8, rest);
            model.Undefine(IntegerModel.Carry, IntegerModel.Overflow, IntegerModel.Adjust);
            bench.Check([0xD4, radix], Place.Register);
        }

        bench.Begin(Place.Register);
        bench.Check([0xD4, 0], Place.Register, CpuStop.Exception(Vector.DivideError));
    }

    [Fact]
    public void Aad_AnyBase_JoinsAhAndAl()
    {
        using IntegerBench bench = new(4);
        for (int i = 0; i < 1000; i++)
        {
            byte radix = i % 4 == 0 ? (byte)10 : (byte)bench.Random.Next(256);
            IntegerModel model = bench.Begin(Place.Register);
            byte sum = (byte)model.Registers[Accumulator];
            for (uint k = 0; k < ((model.Registers[Accumulator] >> 8) & 0xFF); k++)
            {
                sum += radix;
            }

            model.Set(new Operand(Place.Register), 16, sum);
            model.SetResult(8, sum);
            model.Undefine(IntegerModel.Carry, IntegerModel.Overflow, IntegerModel.Adjust);
            bench.Check([0xD5, radix], Place.Register);
        }
    }

    private static uint Packed(int value) => (uint)(((value / 10) << 4) | (value % 10));

    private static void AdjustPacked(IntegerModel model, bool subtract)
    {
        byte old = (byte)model.Registers[Accumulator];
        bool oldCarry = model[IntegerModel.Carry];
        int value = old;
        model[IntegerModel.Carry] = false;
        bool low = old % 16 > 9 || model[IntegerModel.Adjust];
        if (low)
        {
            value += subtract ? -6 : 6;
            model[IntegerModel.Carry] = oldCarry || value is < 0 or > 255;
        }

        model[IntegerModel.Adjust] = low;
        if (old > 0x99 || oldCarry)
        {
            value += subtract ? -0x60 : 0x60;
            model[IntegerModel.Carry] = true;
        }

        model.Set(new Operand(Place.Register), 8, (uint)value);
        model.SetResult(8, (uint)value);
        model.Undefine(IntegerModel.Overflow);
    }

    private static void AdjustUnpacked(IntegerModel model, bool subtract)
    {
        Operand whole = new(Place.Register);
        Operand high = new(Place.Register, 4);
        bool adjust = model.Registers[Accumulator] % 16 > 9 || model[IntegerModel.Adjust];
        if (adjust)
        {
            int step = subtract ? -1 : 1;
            model.Set(whole, 16, (uint)((int)model.Get(whole, 16) + (6 * step)));
            model.Set(high, 8, (uint)((int)model.Get(high, 8) + step));
        }

        model[IntegerModel.Adjust] = adjust;
        model[IntegerModel.Carry] = adjust;
        model.Set(whole, 8, model.Get(whole, 8) % 16);
        model.Undefine(IntegerModel.Overflow, IntegerModel.Sign, IntegerModel.Zero, IntegerModel.Parity);
    }
}
