namespace Gnomon.Cpu.Tests;

/// <summary>Instructions that read, change and write memory: a fault or an exit leaves nothing behind, and repeating them completes them.</summary>
public sealed class IntegerRestartTests
{
    private const uint Present = 1;
    private const uint Writable = 2;

    // ModRM's operand is memory in all of them; those marked are lockable.
    public static TheoryData<byte[], int, byte[], bool> Instructions { get; } = new()
    {
        { [0xC1], 4, [3], false }, // SHL m, 3
        { [0xD3], 2, [], false }, // RCL m, CL
        { [0xD1], 1, [], false }, // ROR m, 1
        { [0x0F, 0xA4], 3, [5], false }, // SHLD m, EBX, 5
        { [0x0F, 0xAD], 3, [], false }, // SHRD m, EBX, CL
        { [0x0F, 0xAB], 7, [], true }, // BTS m, EDI
        { [0x0F, 0xB3], 6, [], true }, // BTR m, ESI
        { [0x0F, 0xBA], 7, [9], true }, // BTC m, 9
        { [0x87], 3, [], true }, // XCHG m, EBX
        { [0x0F, 0xC1], 3, [], true }, // XADD m, EBX
        { [0x0F, 0xB1], 3, [], true }, // CMPXCHG m, EBX that stores
        { [0x0F, 0xC7], 1, [], true }, // CMPXCHG8B m that stores
        { [0x0F, 0xB0], 7, [], true }, // CMPXCHG m, BH that loads
    };

    [Theory]
    [MemberData(nameof(Instructions))]
    public void Modify_OfAReadOnlyPage_FaultsAsAWriteAndCanBeRepeated(byte[] opcode, int field, byte[] immediate, bool lockable)
    {
        foreach (bool locked in lockable ? new[] { false, true } : [false])
        {
            foreach (Place place in opcode[^1] == 0xB0 ? new[] { Place.Flat } : [Place.Flat, Place.Crossing])
            {
                // Across pages, the second one is the read-only one: the first must not have been written.
                uint page = place == Place.Flat ? CpuFixture.Data : CpuFixture.Data + 0x1000;
                using IntegerBench bench = new(7);
                byte[] code = IntegerBench.Encode(32, opcode, field, new Operand(place), locked, immediate);
                (uint[] registers, uint flags, byte[] memory) = Outcome(code, place);
                bench.Cpu.EnablePaging();
                Begin(bench, place, code);

                bench.Cpu.SetPage(page, 0);
                bench.Check(code, place, CpuStop.Exception(Vector.PageFault, 2));
                bench.Cpu.SetPage(page, page | Present);
                bench.Check(code, place, CpuStop.Exception(Vector.PageFault, 3));

                bench.Cpu.SetPage(page, page | Present | Writable);
                registers.CopyTo(bench.Model.Registers, 0);
                bench.Model.Flags = flags;
                memory.CopyTo(bench.Model.Memory, 0);
                bench.Check(code, place);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Instructions))]
    public void Modify_OfADevice_ReadsOnceAndWritesOnce(byte[] opcode, int field, byte[] immediate, bool lockable)
    {
        foreach (bool locked in lockable ? new[] { false, true } : [false])
        {
            byte[] code = IntegerBench.Encode(32, opcode, field, new Operand(Place.Flat), locked, immediate);
            (uint[] registers, uint flags, byte[] memory) = Outcome(code, Place.Flat);
            using IntegerBench bench = new(7);
            bench.Cpu.EnablePaging();
            Begin(bench, Place.Flat, code);
            const uint Device = 0x0030_0000;
            bench.Cpu.SetPage(CpuFixture.Data, Device | Present | Writable);
            bench.Cpu.Load(code);
            byte[] device = [.. bench.Model.Memory];
            int reads = 0;
            int writes = 0;
            CpuExit exit = bench.Cpu.Processor.Run(1);
            for (; exit.Reason == CpuExitReason.Device; exit = bench.Cpu.Processor.Run(1))
            {
                Assert.Equal(CpuFixture.Code, bench.Cpu.Registers.Eip);
                Assert.Equal(bench.Model.Flags, bench.Cpu.Registers.Eflags);
                Assert.All(Enumerable.Range(0, 8), i => Assert.Equal(bench.Model.Registers[i], bench.Cpu.Registers[(GeneralRegister)i]));
                int at = (int)(exit.Physical - (Device + 0x802)) + IntegerBench.OperandOffset;
                if (exit.IsWrite)
                {
                    writes++;
                    BitConverter.GetBytes(exit.Value).AsSpan(0, exit.Size).CopyTo(device.AsSpan(at));
                    bench.Cpu.Processor.CompleteWrite();
                }
                else
                {
                    reads++;
                    byte[] value = new byte[8];
                    device.AsSpan(at, exit.Size).CopyTo(value);
                    bench.Cpu.Processor.CompleteRead(BitConverter.ToUInt64(value));
                }

                Assert.True(reads + writes < 10);
            }

            Assert.Equal(CpuExitReason.Budget, exit.Reason);
            Assert.Equal(CpuFixture.Code + (uint)code.Length, bench.Cpu.Registers.Eip);
            Assert.Equal((reads, reads), (reads, writes));
            Assert.InRange(reads, 1, 2);
            Assert.Equal(memory, device);
            Assert.Equal(flags, bench.Cpu.Registers.Eflags);
            Assert.All(Enumerable.Range(0, 8), i => Assert.Equal(registers[i], bench.Cpu.Registers[(GeneralRegister)i]));
        }
    }

    [Fact]
    public void CompareAndExchange_ThatFails_WritesAllTheSame()
    {
        foreach (byte[] code in new byte[][] { [0x0F, 0xB1, 0x1D, 0, 0, 4, 0], [0x0F, 0xC7, 0x0D, 0, 0, 4, 0] })
        {
            using CpuFixture cpu = new();
            cpu.EnablePaging();
            cpu.SetPage(CpuFixture.Data, CpuFixture.Data | Present);
            cpu.Registers[GeneralRegister.Eax] = 1;

            Assert.Equal(CpuStop.Exception(Vector.PageFault, 3), cpu.Execute(code));
        }
    }

    // What the instruction does where nothing is in its way; other tests say that it is right.
    private static (uint[] Registers, uint Flags, byte[] Memory) Outcome(byte[] code, Place place)
    {
        using IntegerBench bench = new(7);
        Begin(bench, place, code);
        Assert.Equal(CpuStop.Done, bench.Cpu.Execute(code));
        uint start = (place == Place.Flat ? CpuFixture.Data + 0x802 : CpuFixture.Data + 0xFFF) - IntegerBench.OperandOffset;
        byte[] memory = bench.Cpu.Bytes(start, IntegerBench.WindowBytes).ToArray();
        bool changed = !bench.Model.Memory.AsSpan().SequenceEqual(memory) || bench.Model.Registers[0] != bench.Cpu.Registers[GeneralRegister.Eax];
        Assert.True(changed, "The instruction has nothing to lose.");
        return ([.. Enumerable.Range(0, 8).Select(i => bench.Cpu.Registers[(GeneralRegister)i])], bench.Cpu.Registers.Eflags, memory);
    }

    private static void Begin(IntegerBench bench, Place place, byte[] code)
    {
        IntegerModel model = bench.Begin(place);
        model.Registers[1] = 0x87;
        model.Registers[6] = 3;
        model.Registers[7] = 5;
        model.Memory[IntegerBench.OperandOffset] = 0x55 ^ 8;
        model.Registers[0] = BitConverter.ToUInt32(model.Memory, IntegerBench.OperandOffset);
        model.Registers[2] = BitConverter.ToUInt32(model.Memory, IntegerBench.OperandOffset + 4);
        if (code.Contains((byte)0xB0))
        {
            model.Registers[0] ^= 1;
        }

        bench.Put(place);
    }
}
