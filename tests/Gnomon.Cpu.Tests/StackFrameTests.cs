using CsCheck;

namespace Gnomon.Cpu.Tests;

public sealed unsafe class StackFrameTests
{
    private const uint Window = 0x40000;
    private static readonly byte[][] Frames = [[0x60], [0x66, 0x60], [0x61], [0x66, 0x61], [0xC9], [0x66, 0xC9]];

    // A model over the bytes of the stack: what each instruction does, and the accesses that it needs.
    [Fact]
    public void Frames_AnyStackAndMapping_WholeOrNothing()
    {
        using StringFixture fixture = new();
        fixture.Page(7);
        Gen.Int.Sample(seed => Compare(fixture, new Random(seed)), iter: TestSettings.Steps(6000), threads: 1);
    }

    [Theory]
    [InlineData(7u, Vector.GeneralProtection)]
    [InlineData(15u, Vector.GeneralProtection)]
    [InlineData(5u, Vector.StackFault)]
    public void PushAll_RealMode_OddPointersFault(uint top, byte vector)
    {
        using StringFixture fixture = new();
        fixture.Registers.Cr0 = Cr0.ExtensionType;
        fixture.Small(StringFixture.Code);
        fixture.Program(0x60);
        fixture.Registers.Eip = 0;
        fixture.Registers[GeneralRegister.Esp] = top;
        Assert.True(fixture.Step().IsFault(vector));
        Assert.Equal(top, fixture.Registers[GeneralRegister.Esp]);
    }

    [Fact]
    public void Enter_FinalPointerInMissingPage_FaultsThough_NothingIsWritten()
    {
        using StringFixture fixture = new();
        fixture.Page(7);
        fixture.Map(0x3F, 0x3F, 0);
        fixture.Program(0xC8, 0x00, 0x10, 0x00);
        fixture.Registers[GeneralRegister.Esp] = 0x40800;
        fixture.Registers[GeneralRegister.Ebp] = 0x12345678;
        Outcome outcome = fixture.Step();
        Assert.True(outcome.IsFault(Vector.PageFault));
        Assert.Equal((0x3F7FCu, 2u), (outcome.Address, outcome.Code));
        Assert.Equal((0x40800u, 0x12345678u, 0u), (fixture.Registers[GeneralRegister.Esp], fixture.Registers[GeneralRegister.Ebp], fixture.Read32(0x407FC)));
    }

    private static void Compare(StringFixture fixture, Random random)
    {
        bool[] present = new bool[16];
        for (uint i = 0; i < 16; i++)
        {
            present[i] = random.Next(8) > 0;
            fixture.Map((Window >> 12) + i, (Window >> 12) + i, present[i] ? 7u : 6u);
        }

        fixture.Registers.Cr3 = StringFixture.Directory;
        Span<byte> stack = fixture.Memory.Slice((int)Window, 0x10000);
        random.NextBytes(stack);
        bool big = random.Next(2) == 0;
        byte level = (byte)random.Next(34);
        ushort room = (ushort)(random.Next(3) == 0 ? random.Next(0x3000) : random.Next(64));
        byte[] program = random.Next(2) == 0 ? Frames[random.Next(Frames.Length)]
            : random.Next(2) == 0 ? [0xC8, (byte)room, (byte)(room >> 8), level] : [0x66, 0xC8, (byte)room, (byte)(room >> 8), level];

        // A window of 64 KiB: 32-bit pointers stay away from its ends, 16-bit ones wrap in it.
        uint Pointer() => big ? 0x6000 + (uint)random.Next(0x4000)
            : random.Next(2) == 0 ? (uint)random.Next(40) : (uint)random.Next(0x10000);
        uint esp = Pointer();
        uint ebp = random.Next(2) == 0 ? Pointer() : esp + (uint)random.Next(-40, 140);
        fixture.Flat(0);
        fixture.Registers.SetSegment(SegmentName.Ss, new SegmentValue(16, Window, big ? uint.MaxValue : 0xFFFFu, (ushort)(big ? 0xC093 : 0x93)));
        for (int i = 0; i < 8; i++)
        {
            fixture.Registers[(GeneralRegister)i] = (uint)random.NextInt64(1L << 32);
        }

        fixture.Registers[GeneralRegister.Esp] = big ? esp : esp | 0x5A5A0000;
        fixture.Registers[GeneralRegister.Ebp] = big ? ebp : (ebp & 0xFFFF) | 0x77770000;
        fixture.Program(program);
        fixture.Registers.Eip = StringFixture.Code;
        uint[] before = Snapshot(fixture);
        Model model = new(stack.ToArray(), present, big, [.. before]);
        bool fine = model.Run(program);
        byte[] original = stack.ToArray();

        Outcome outcome = fixture.Step();
        Assert.Equal(fine, outcome.IsClean);
        Assert.Equal(fine ? model.Registers : before, Snapshot(fixture));
        Assert.True((fine ? model.Memory : original).AsSpan().SequenceEqual(stack));
        Assert.Equal(StringFixture.Code + (fine ? (uint)program.Length : 0), fixture.Registers.Eip);
        if (!fine)
        {
            Assert.Equal(model.Fault, outcome.Vector);
        }
    }

    private static uint[] Snapshot(StringFixture fixture) => [.. Enumerable.Range(0, 8).Select(i => fixture.Registers[(GeneralRegister)i])];

    private sealed class Model(byte[] memory, bool[] present, bool big, uint[] registers)
    {
        private uint _size;

        public byte[] Memory => memory;

        public uint[] Registers => registers;

        public byte Fault { get; private set; }

        private uint Mask => big ? uint.MaxValue : 0xFFFF;

        public bool Run(byte[] program)
        {
            bool small = program[0] == 0x66;
            _size = small ? 2u : 4u;
            ReadOnlySpan<byte> rest = program.AsSpan(small ? 1 : 0);
            return rest[0] switch
            {
                0x60 => PushAll(),
                0x61 => PopAll(),
                0xC9 => Leave(),
                _ => Enter((uint)(rest[1] | (rest[2] << 8)), rest[3] % 32),
            };
        }

        private bool PushAll()
        {
            uint esp = registers[4];
            uint[] values = [.. registers];
            foreach (uint value in values)
            {
                if (!Push(value))
                {
                    registers[4] = esp;
                    return false;
                }
            }

            return true;
        }

        private bool PopAll()
        {
            for (int i = 7; i >= 0; i--)
            {
                if (i != 4 && !Check(registers[4] & Mask))
                {
                    return false;
                }

                if (i != 4)
                {
                    Set(i, Get(registers[4] & Mask));
                }

                Move(_size);
            }

            return true;
        }

        private bool Leave()
        {
            uint at = registers[5] & Mask;
            if (!Check(at))
            {
                return false;
            }

            registers[4] = (registers[4] & ~Mask) | at;
            Set(5, Get(at));
            Move(_size);
            return true;
        }

        private bool Enter(uint room, int level)
        {
            uint ebp = registers[5];
            if (!Push(ebp))
            {
                return false;
            }

            uint frame = registers[4];
            for (int i = 1; i < level; i++)
            {
                ebp -= _size;
                if (!Check(ebp & Mask) || !Push(Get(ebp & Mask)))
                {
                    return false;
                }
            }

            if (level > 0 && !Push(frame))
            {
                return false;
            }

            Move(0 - room);
            Set(5, frame);
            return Check(registers[4] & Mask);
        }

        private bool Push(uint value)
        {
            uint at = (registers[4] - _size) & Mask;
            if (!Check(at))
            {
                return false;
            }

            for (int i = 0; i < _size; i++)
            {
                memory[at + i] = (byte)(value >> (8 * i));
            }

            Move(0 - _size);
            return true;
        }

        private uint Get(uint at)
        {
            uint value = 0;
            for (int i = 0; i < _size; i++)
            {
                value |= (uint)memory[at + i] << (8 * i);
            }

            return value;
        }

        private void Set(int register, uint value) => registers[register] = _size == 2 ? (registers[register] & 0xFFFF0000) | (value & 0xFFFF) : value;

        private void Move(uint distance) => registers[4] = (registers[4] & ~Mask) | ((registers[4] + distance) & Mask);

        private bool Check(uint at)
        {
            if (!big && at + _size - 1 > 0xFFFF)
            {
                Fault = Vector.StackFault;
                return false;
            }

            if (!present[at >> 12] || !present[(at + _size - 1) >> 12])
            {
                Fault = Vector.PageFault;
                return false;
            }

            return true;
        }
    }
}
