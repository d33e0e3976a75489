namespace Gnomon.Cpu.Tests;

/// <summary>CMOVcc, SETcc, the instructions of single flags, XLAT, and the many that do nothing.</summary>
public sealed class IntegerConditionTests
{
    private const uint Direction = 1 << 10;

    [Fact]
    public void ConditionalMoveAndSet_EveryConditionAndFlags_FollowTheManual()
    {
        using IntegerBench bench = new(1);
        foreach (Place place in IntegerBench.Places)
        {
            for (int condition = 0; condition < 16; condition++)
            {
                for (int i = 0; i < 64; i++)
                {
                    Operand operand = new(place, bench.Random.Next(8));
                    Operand destination = new(Place.Register, bench.Random.Next(8));
                    int size = i % 2 == 0 ? 16 : 32;
                    IntegerModel model = bench.Begin(place);
                    if (Holds(model, condition))
                    {
                        model.Set(destination, size, model.Get(operand, size));
                    }

                    bench.Check(IntegerBench.Encode(size, [0x0F, (byte)(0x40 + condition)], destination.Number, operand), place);

                    model = bench.Begin(place);
                    model.Set(operand, 8, Holds(model, condition) ? 1u : 0);
                    bench.Check(IntegerBench.Encode(8, [0x0F, (byte)(0x90 + condition)], i % 8, operand), place);
                }
            }
        }
    }

    [Fact]
    public void ConditionalMove_OfMemoryThatIsNotThere_FaultsWhateverTheCondition()
    {
        using CpuFixture cpu = new();
        cpu.EnablePaging();
        cpu.SetPage(CpuFixture.Data, 0);
        foreach (uint flags in new uint[] { 2, 2 | 0x40 })
        {
            cpu.Registers.Eflags = flags;
            Assert.Equal(CpuStop.Exception(Vector.PageFault), cpu.Execute([0x0F, 0x44, 0x05, 0, 0, 4, 0]));
        }
    }

    [Theory]
    [InlineData(0xF8)]
    [InlineData(0xF9)]
    [InlineData(0xF5)]
    [InlineData(0xFC)]
    [InlineData(0xFD)]
    [InlineData(0x9E)]
    [InlineData(0x9F)]
    [InlineData(0xD6)]
    public void FlagInstruction_AnyFlags_DoesOneThing(byte opcode)
    {
        using IntegerBench bench = new(opcode);
        Operand al = new(Place.Register);
        Operand ah = new(Place.Register, 4);
        for (int i = 0; i < 200; i++)
        {
            IntegerModel model = bench.Begin(Place.Register);
            model.Flags |= i % 2 == 0 ? Direction : 0;
            bench.Put(Place.Register);
            switch (opcode)
            {
                case 0xF8: model[IntegerModel.Carry] = false; break;
                case 0xF9: model[IntegerModel.Carry] = true; break;
                case 0xF5: model[IntegerModel.Carry] = !model[IntegerModel.Carry]; break;
                case 0xFC: model.Flags &= ~Direction; break;
                case 0xFD: model.Flags |= Direction; break;
                case 0x9E: model.Flags = (model.Flags & 0xFFFF_FF00) | (model.Get(ah, 8) & 0xD5) | 2; break;
                case 0x9F: model.Set(ah, 8, model.Flags); break;
                default: model.Set(al, 8, model[IntegerModel.Carry] ? 0xFFu : 0); break;
            }

            bench.Check([opcode], Place.Register);
        }
    }

    [Fact]
    public void Xlat_BothAddressSizes_LooksUpAl()
    {
        using IntegerBench bench = new(2);
        for (int i = 0; i < 200; i++)
        {
            bool small = i % 2 == 0;
            IntegerModel model = bench.Begin(Place.Register);
            byte al = (byte)model.Registers[0];
            model.Registers[3] = small ? (model.Registers[3] | 0xFF80) : CpuFixture.Data + (uint)bench.Random.Next(0xFFF);
            bench.Put(Place.Register);
            uint address = model.Registers[3] + al;
            address = small ? address & 0xFFFF : address;
            byte found = (byte)bench.Random.Next(256);
            bench.Cpu.Bytes(address, 1)[0] = found;
            bench.Cpu.Bytes(CpuFixture.Data - IntegerBench.OperandOffset + 0x802, IntegerBench.WindowBytes).CopyTo(model.Memory);
            model.Set(new Operand(Place.Register), 8, found);
            bench.Check(small ? [0x67, 0xD7] : [0xD7], Place.Register);
        }
    }

    [Theory]
    [InlineData(0x18)]
    [InlineData(0x19)]
    [InlineData(0x1A)]
    [InlineData(0x1B)]
    [InlineData(0x1C)]
    [InlineData(0x1D)]
    [InlineData(0x1E)]
    [InlineData(0x1F)]
    public void HintSpace_EveryOperandAndPrefix_DoesNothing(byte opcode)
    {
        using IntegerBench bench = new(opcode);
        byte[][] prefixes = [[], [0x66], [0xF3], [0xF2], [0x64]];
        foreach (byte[] prefix in prefixes)
        {
            for (int modRm = 0; modRm < 256; modRm++)
            {
                // The memory that most of these operands name does not exist.
                bench.Begin(Place.Register);
                byte[] code = [.. prefix, 0x0F, opcode, (byte)modRm, .. Rest((byte)modRm, bench.Random)];
                bench.Check(code, Place.Register);
            }
        }
    }

    [Theory]
    [InlineData(new byte[] { 0x90 })]
    [InlineData(new byte[] { 0x66, 0x90 })]
    [InlineData(new byte[] { 0xF3, 0x90 })]
    [InlineData(new byte[] { 0xF2, 0x90 })]
    public void Nop_EveryForm_DoesNothing(byte[] code)
    {
        using IntegerBench bench = new(3);
        bench.Begin(Place.Register);
        bench.Check(code, Place.Register);
    }

    // The SIB byte and displacement that a ModRM byte asks for with 32-bit addressing (Intel SDM vol. 2, tables 2-2 and 2-3).
    private static byte[] Rest(byte modRm, Random random)
    {
        int mod = modRm >> 6;
        bool hasSib = mod != 3 && (modRm & 7) == 4;
        byte sib = (byte)random.Next(256);
        bool bare = mod == 0 && ((modRm & 7) == 5 || (hasSib && (sib & 7) == 5));
        byte[] displacement = new byte[mod == 1 ? 1 : mod == 2 || bare ? 4 : 0];
        random.NextBytes(displacement);
        return hasSib ? [sib, .. displacement] : displacement;
    }

    // Intel SDM vol. 2, appendix B, table B-10.
    private static bool Holds(IntegerModel model, int condition)
    {
        bool below = model[IntegerModel.Carry];
        bool equal = model[IntegerModel.Zero];
        bool less = model[IntegerModel.Sign] != model[IntegerModel.Overflow];
        bool[] table =
        [
            model[IntegerModel.Overflow], below, equal, below || equal,
            model[IntegerModel.Sign], model[IntegerModel.Parity], less, less || equal,
        ];
        return table[condition / 2] == (condition % 2 == 0);
    }
}
