namespace Gnomon.Cpu.Tests;

/// <summary>Shifts and rotations, compared with one that moves a bit at a time.</summary>
public sealed class IntegerShiftTests
{
    private const int Rol = 0;
    private const int Ror = 1;
    private const int Rcl = 2;
    private const int Rcr = 3;
    private const int Shr = 5;
    private const int Sar = 7;

    private enum Form
    {
        One,
        Immediate,
        Cl,
    }

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(32)]
    public void Shift_EveryFormAndCount_MovesBitByBit(int size)
    {
        using IntegerBench bench = new(size);
        for (int operation = 0; operation < 8; operation++)
        {
            foreach (Place place in IntegerBench.Places)
            {
                foreach (Form form in Enum.GetValues<Form>())
                {
                    for (int count = 0; count < 40; count++)
                    {
                        Operand operand = new(place, bench.Random.Next(8));
                        IntegerModel model = bench.Begin(place);
                        if (form == Form.Cl)
                        {
                            model.Set(new Operand(Place.Register, 1), 8, (uint)((bench.Random.Next(4) * 64) + count));
                            bench.Put(place);
                        }

                        byte low = (byte)(size == 8 ? 0 : 1);
                        byte[] code = form switch
                        {
                            Form.One => IntegerBench.Encode(size, [(byte)(0xD0 | low)], operation, operand),
                            Form.Cl => IntegerBench.Encode(size, [(byte)(0xD2 | low)], operation, operand),
                            _ => IntegerBench.Encode(size, [(byte)(0xC0 | low)], operation, operand, immediate: (byte)count),
                        };
                        Shift(model, operation, operand, size, (form == Form.One ? 1 : count) & 31);
                        bench.Check(code, place);
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    public void DoubleShift_EveryFormAndCount_MovesBitByBit(int size)
    {
        using IntegerBench bench = new(size);
        foreach (bool right in new[] { false, true })
        {
            foreach (Place place in IntegerBench.Places)
            {
                foreach (bool byCl in new[] { false, true })
                {
                    for (int count = 0; count < 3 * 32; count++)
                    {
                        int masked = count & 31;
                        if (masked > size)
                        {
                            continue; // not defined
                        }

                        Operand operand = new(place, bench.Random.Next(8));
                        int source = bench.Random.Next(8);
                        IntegerModel model = bench.Begin(place);
                        model.Set(new Operand(Place.Register, 1), 8, (uint)count);
                        bench.Put(place);
                        byte opcode = (byte)((right ? 0xAC : 0xA4) | (byCl ? 1 : 0));
                        byte[] code = IntegerBench.Encode(size, [0x0F, opcode], source, operand, false, byCl ? [] : [(byte)count]);
                        DoubleShift(model, right, operand, model.Get(new Operand(Place.Register, source), size), size, masked);
                        bench.Check(code, place);
                    }
                }
            }
        }
    }

    private static void Shift(IntegerModel model, int operation, Operand operand, int size, int count)
    {
        if (count == 0)
        {
            return;
        }

        uint value = model.Get(operand, size);
        bool signBefore = IntegerModel.Bit(value, size - 1);
        uint top = 1u << (size - 1);
        for (int i = 0; i < count; i++)
        {
            bool high = IntegerModel.Bit(value, size - 1);
            bool low = IntegerModel.Bit(value, 0);
            bool left = operation is Rol or Rcl or 4 or 6;
            bool comesIn = operation switch
            {
                Rol => high,
                Ror => low,
                Rcl or Rcr => model[IntegerModel.Carry],
                Sar => high,
                _ => false,
            };
            value = left ? ((value << 1) & IntegerModel.Mask(size)) | (comesIn ? 1u : 0) : (value >> 1) | (comesIn ? top : 0);
            model[IntegerModel.Carry] = left ? high : low;
        }

        bool sign = IntegerModel.Bit(value, size - 1);
        model.Set(operand, size, value);
        model[IntegerModel.Overflow] = operation switch
        {
            Sar => false,
            Shr => signBefore,
            Ror or Rcr => sign != IntegerModel.Bit(value, size - 2),
            _ => sign != model[IntegerModel.Carry],
        };
        if (count != 1)
        {
            model.Undefine(IntegerModel.Overflow);
        }

        if (operation >= 4)
        {
            model.SetResult(size, value);
            model.Undefine(IntegerModel.Adjust);
            if (operation != Sar && count >= size)
            {
                model.Undefine(IntegerModel.Carry);
            }
        }
    }

    private static void DoubleShift(IntegerModel model, bool right, Operand operand, uint fill, int size, int count)
    {
        if (count == 0)
        {
            return;
        }

        uint value = model.Get(operand, size);
        bool before = IntegerModel.Bit(value, size - 1);
        for (int i = 0; i < count; i++)
        {
            model[IntegerModel.Carry] = IntegerModel.Bit(value, right ? 0 : size - 1);
            bool comesIn = IntegerModel.Bit(fill, right ? 0 : size - 1);
            value = right ? (value >> 1) | (comesIn ? 1u << (size - 1) : 0) : (value << 1) | (comesIn ? 1u : 0);
            fill = right ? fill >> 1 : fill << 1;
        }

        model.Set(operand, size, value);
        model.SetResult(size, value);
        model[IntegerModel.Overflow] = before != IntegerModel.Bit(value, size - 1);
        model.Undefine(IntegerModel.Adjust);
        if (count != 1)
        {
            model.Undefine(IntegerModel.Overflow);
        }
    }
}
