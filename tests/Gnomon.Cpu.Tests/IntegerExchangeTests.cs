namespace Gnomon.Cpu.Tests;

/// <summary>XCHG, XADD, CMPXCHG and CMPXCHG8B, with and without LOCK.</summary>
public sealed class IntegerExchangeTests
{
    private const int Rounds = 100;

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(32)]
    public void Exchange_EveryForm_SwapsTheOperands(int size)
    {
        ForAll(size, (bench, operand, source, locked) =>
        {
            IntegerModel model = bench.Begin(operand.Place);
            uint first = model.Get(operand, size);
            uint second = model.Get(source, size);
            model.Set(operand, size, second);
            model.Set(source, size, first);
            return IntegerBench.Encode(size, [(byte)(size == 8 ? 0x86 : 0x87)], source.Number, operand, locked);
        });
    }

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    public void Exchange_WithTheAccumulator_SwapsTheRegisters(int size)
    {
        using IntegerBench bench = new(size);
        for (int register = 0; register < 8; register++)
        {
            IntegerModel model = bench.Begin(Place.Register);
            Operand other = new(Place.Register, register);
            Operand accumulator = new(Place.Register);
            uint first = model.Get(accumulator, size);
            model.Set(accumulator, size, model.Get(other, size));
            model.Set(other, size, first);
            byte opcode = (byte)(0x90 + register);
            bench.Check(size == 16 ? [0x66, opcode] : [opcode], Place.Register);
        }
    }

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(32)]
    public void ExchangeAndAdd_EveryForm_LeavesTheSumAndTheOldValue(int size)
    {
        ForAll(size, (bench, operand, source, locked) =>
        {
            IntegerModel model = bench.Begin(operand.Place);
            uint old = model.Get(operand, size);
            uint sum = Sum(model, old, model.Get(source, size), size, carry: false);
            model.Set(source, size, old);
            model.Set(operand, size, sum);
            return IntegerBench.Encode(size, [0x0F, (byte)(size == 8 ? 0xC0 : 0xC1)], source.Number, operand, locked);
        });
    }

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    [InlineData(32)]
    public void CompareAndExchange_EveryForm_StoresOrLoads(int size)
    {
        Operand accumulator = new(Place.Register);
        ForAll(size, (bench, operand, source, locked) =>
        {
            IntegerModel model = bench.Begin(operand.Place);
            if (bench.Random.Next(2) == 0)
            {
                model.Set(accumulator, size, model.Get(operand, size));
                bench.Put(operand.Place);
            }

            uint old = model.Get(operand, size);
            uint expected = model.Get(accumulator, size);

            // The flags of a difference: those of the sum with the complement, CF and AF turned around.
            Sum(model, expected, ~old & IntegerModel.Mask(size), size, carry: true);
            model[IntegerModel.Carry] = !model[IntegerModel.Carry];
            model[IntegerModel.Adjust] = !model[IntegerModel.Adjust];
            if (expected == old)
            {
                model.Set(operand, size, model.Get(source, size));
            }
            else
            {
                model.Set(accumulator, size, old);
            }

            return IntegerBench.Encode(size, [0x0F, (byte)(size == 8 ? 0xB0 : 0xB1)], source.Number, operand, locked);
        });
    }

    [Fact]
    public void CompareAndExchange8Bytes_EveryForm_StoresOrLoadsAndChangesZeroOnly()
    {
        using IntegerBench bench = new(8);
        foreach (Place place in IntegerBench.Memories)
        {
            for (int i = 0; i < 2 * Rounds; i++)
            {
                IntegerModel model = bench.Begin(place);
                ulong old = BitConverter.ToUInt64(model.Memory, IntegerBench.OperandOffset);
                bool equal = (i & 2) != 0;
                if (equal)
                {
                    model.Registers[0] = (uint)old;
                    model.Registers[2] = (uint)(old >> 32);
                    bench.Put(place);
                    BitConverter.GetBytes(model.Registers[3]).CopyTo(model.Memory, IntegerBench.OperandOffset);
                    BitConverter.GetBytes(model.Registers[1]).CopyTo(model.Memory, IntegerBench.OperandOffset + 4);
                }
                else
                {
                    model.Registers[0] = (uint)old;
                    model.Registers[2] = (uint)(old >> 32);
                }

                model[IntegerModel.Zero] = equal;
                bench.Check(IntegerBench.Encode(32, [0x0F, 0xC7], 1, new Operand(place), locked: (i & 1) != 0), place);
            }
        }
    }

    [Theory]
    [InlineData(new byte[] { 0x0F, 0xC7, 0xC8 })] // CMPXCHG8B EAX
    [InlineData(new byte[] { 0xF0, 0x0F, 0xC1, 0xC8 })] // LOCK XADD EAX, ECX
    [InlineData(new byte[] { 0xF0, 0x87, 0xC8 })] // LOCK XCHG EAX, ECX
    [InlineData(new byte[] { 0xF0, 0x0F, 0xAB, 0xC8 })] // LOCK BTS EAX, ECX
    [InlineData(new byte[] { 0xF0, 0x0F, 0xA3, 0x0D, 0, 0, 4, 0 })] // LOCK BT [40000], ECX
    [InlineData(new byte[] { 0xF0, 0xD1, 0x25, 0, 0, 4, 0 })] // LOCK SHL [40000], 1
    [InlineData(new byte[] { 0xF0, 0x90 })] // LOCK NOP
    public void Lock_WhereItMayNotBe_IsAnInvalidOpcode(byte[] code)
    {
        using IntegerBench bench = new(9);
        bench.Begin(Place.Flat);
        bench.Check(code, Place.Flat, CpuStop.Exception(Vector.InvalidOpcode));
    }

    private static void ForAll(int size, Func<IntegerBench, Operand, Operand, bool, byte[]> prepare)
    {
        using IntegerBench bench = new(size);
        foreach (Place place in IntegerBench.Places)
        {
            for (int i = 0; i < Rounds; i++)
            {
                Operand operand = new(place, bench.Random.Next(8));
                Operand source = new(Place.Register, bench.Random.Next(8));
                byte[] code = prepare(bench, operand, source, place != Place.Register && (i & 1) != 0);
                bench.Check(code, place);
            }
        }
    }

    // A ripple-carry adder, and the flags of ADD.
    private static uint Sum(IntegerModel model, uint left, uint right, int size, bool carry)
    {
        uint sum = 0;
        bool intoSign = false;
        for (int bit = 0; bit < size; bit++)
        {
            intoSign = carry;
            bool a = IntegerModel.Bit(left, bit);
            bool b = IntegerModel.Bit(right, bit);
            sum |= (a ^ b ^ carry ? 1u : 0) << bit;
            carry = (a && b) || (a && carry) || (b && carry);
            if (bit == 3)
            {
                model[IntegerModel.Adjust] = carry;
            }
        }

        model[IntegerModel.Carry] = carry;
        model[IntegerModel.Overflow] = carry != intoSign;
        model.SetResult(size, sum);
        return sum;
    }
}
