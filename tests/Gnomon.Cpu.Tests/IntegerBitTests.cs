namespace Gnomon.Cpu.Tests;

/// <summary>Bit tests, scans and swaps, compared with a string of bits.</summary>
public sealed class IntegerBitTests
{
    private const int Rounds = 120;

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    public void BitTest_EveryForm_TakesTheBitOfTheString(int size)
    {
        using IntegerBench bench = new(size);
        for (int operation = 0; operation < 4; operation++)
        {
            foreach (Place place in IntegerBench.Places)
            {
                for (int i = 0; i < Rounds; i++)
                {
                    bool byRegister = (i & 1) != 0;
                    bool locked = (i & 2) != 0 && place != Place.Register && operation != 0;
                    Operand operand = new(place, bench.Random.Next(8));
                    int source = bench.Random.Next(8);
                    int index = bench.Random.Next(-2000, 2000);
                    IntegerModel model = bench.Begin(place);
                    model.Set(new Operand(Place.Register, source), size, (uint)index);
                    bench.Put(place);
                    byte[] code = byRegister
                        ? IntegerBench.Encode(size, [0x0F, (byte)(0xA3 + (8 * operation))], source, operand, locked)
                        : IntegerBench.Encode(size, [0x0F, 0xBA], 4 + operation, operand, locked, (byte)index);
                    if (byRegister && place != Place.Register)
                    {
                        InString(model, operation, index);
                    }
                    else
                    {
                        // What the register holds counts: it may be the operand itself.
                        InOperand(model, operation, operand, size, (byte)index & (size - 1));
                    }

                    bench.Check(code, place);
                }
            }
        }
    }

    [Fact]
    public void BitTest_With16BitAddressing_StaysIn64KiB()
    {
        using CpuFixture cpu = new();
        cpu.Bytes(0x0000, 1)[0] = 0x04;
        cpu.Registers[GeneralRegister.Ebx] = 0xABCD_FFFC;
        cpu.Registers[GeneralRegister.Ecx] = 34;

        // BTR [BX], ECX: bit 34 of the string at FFFC is bit 2 at 0.
        Assert.Equal(CpuStop.Done, cpu.Execute([0x67, 0x0F, 0xB3, 0x0F]));

        Assert.Equal(0, cpu.Bytes(0x0000, 1)[0]);
        Assert.Equal(1u, cpu.Registers.Eflags & 1);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    public void Scan_EveryForm_FindsTheFirstOneOrLeavesTheDestination(int size)
    {
        using IntegerBench bench = new(size);
        foreach (bool reverse in new[] { false, true })
        {
            foreach (Place place in IntegerBench.Places)
            {
                for (int i = 0; i < Rounds; i++)
                {
                    Operand operand = new(place, bench.Random.Next(8));
                    Operand destination = new(Place.Register, bench.Random.Next(8));
                    IntegerModel model = bench.Begin(place);
                    uint few = bench.Value() & bench.Value() & bench.Value();
                    model.Set(operand, size, i % 5 == 0 ? 0 : few);
                    bench.Put(place);
                    uint value = model.Get(operand, size);
                    for (int k = 0; k < size; k++)
                    {
                        int bit = reverse ? size - 1 - k : k;
                        if (IntegerModel.Bit(value, bit))
                        {
                            model.Set(destination, size, (uint)bit);
                            break;
                        }
                    }

                    model[IntegerModel.Zero] = value == 0;
                    model.Undefine(IntegerModel.Carry, IntegerModel.Overflow, IntegerModel.Sign, IntegerModel.Adjust, IntegerModel.Parity);
                    bench.Check(IntegerBench.Encode(size, [0x0F, (byte)(reverse ? 0xBD : 0xBC)], destination.Number, operand), place);
                }
            }
        }
    }

    [Fact]
    public void Swap_Of32Bits_TurnsTheBytesAround()
    {
        using IntegerBench bench = new(5);
        for (int i = 0; i < Rounds; i++)
        {
            int register = i % 8;
            IntegerModel model = bench.Begin(Place.Register);
            byte[] bytes = BitConverter.GetBytes(model.Registers[register]);
            Array.Reverse(bytes);
            model.Registers[register] = BitConverter.ToUInt32(bytes);
            bench.Check([0x0F, (byte)(0xC8 + register)], Place.Register);
        }
    }

    [Fact]
    public void Swap_Of16Bits_LeavesTheUpperHalf()
    {
        using CpuFixture cpu = new();
        cpu.Registers[GeneralRegister.Esi] = 0x1234_5678;

        Assert.Equal(CpuStop.Done, cpu.Execute([0x66, 0x0F, 0xCE]));

        Assert.Equal(0x1234u, cpu.Registers[GeneralRegister.Esi] >> 16);
    }

    private static void InString(IntegerModel model, int operation, int index)
    {
        int at = (IntegerBench.OperandOffset * 8) + index;
        ref byte place = ref model.Memory[at / 8];
        int bit = 1 << (at % 8);
        model[IntegerModel.Carry] = (place & bit) != 0;
        place = (byte)Change(place, (uint)bit, operation);
        Undefine(model);
    }

    private static void InOperand(IntegerModel model, int operation, Operand operand, int size, int index)
    {
        uint value = model.Get(operand, size);
        model[IntegerModel.Carry] = IntegerModel.Bit(value, index);
        model.Set(operand, size, Change(value, 1u << index, operation));
        Undefine(model);
    }

    private static uint Change(uint value, uint bit, int operation) => operation switch
    {
        0 => value,
        1 => value | bit,
        2 => (value | bit) - bit,
        _ => value ^ bit,
    };

    // ZF is left (Intel SDM vol. 2, BT).
    private static void Undefine(IntegerModel model) =>
        model.Undefine(IntegerModel.Overflow, IntegerModel.Sign, IntegerModel.Adjust, IntegerModel.Parity);
}
