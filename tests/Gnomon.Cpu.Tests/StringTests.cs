using CsCheck;
using Gnomon.Cpu.Execution;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Tests;

public sealed unsafe class StringTests
{
    private const uint FirstPage = 0x10;
    private const int Pages = 16;
    private const uint FirstFrame = 0x40;
    private const int Frames = 8;
    private static readonly string[] Names = ["movs", "stos", "lods", "cmps", "scas"];

    [Fact]
    public void Strings_AnyStateAndMapping_AsElementByElement()
    {
        using StringFixture fixture = new();
        fixture.Page(7);
        for (uint page = 0; page < 1024; page++)
        {
            fixture.Map(page, page, page == StringFixture.Code >> 12 ? 7u : 0);
        }

        Gen.Int.Sample(seed => Compare(fixture, new Random(seed)), iter: TestSettings.Steps(4000), threads: 1);
    }

    [Fact]
    public void Repeat_IntoItsOwnPage_RunsTheNewBytes()
    {
        using StringFixture fixture = new();
        fixture.Program(a =>
        {
            a.rep.movsb();
            a.mov(eax, 1);
            a.mov(ebx, 1);
        });
        byte[] other = [0xB8, 2, 0, 0, 0, 0xBB, 3, 0, 0, 0];
        other.CopyTo(fixture.Memory[0x5000..]);
        fixture.Registers[GeneralRegister.Esi] = 0x5000;
        fixture.Registers[GeneralRegister.Edi] = StringFixture.Code + 2;
        fixture.Registers[GeneralRegister.Ecx] = (uint)other.Length;
        Assert.Equal(CpuExitReason.Budget, fixture.Processor.Run(3).Reason);
        Assert.Equal(2u, fixture.Registers[GeneralRegister.Eax]);
        Assert.Equal(3u, fixture.Registers[GeneralRegister.Ebx]);
    }

    [Fact]
    public void Repeat_DeviceToDevice_OneExitForEachAccessAndNoneTwice()
    {
        using StringFixture fixture = new();
        fixture.Program(a =>
        {
            a.rep.movsd();
            a.nop();
        });
        fixture.Registers[GeneralRegister.Esi] = 0x500000;
        fixture.Registers[GeneralRegister.Edi] = 0x600000;
        fixture.Registers[GeneralRegister.Ecx] = 3;
        for (uint i = 0; i < 3; i++)
        {
            CpuExit read = fixture.Processor.Run(10);
            Assert.Equal((CpuExitReason.Device, false, 0x500000ul + (i * 4), (byte)4), (read.Reason, read.IsWrite, read.Physical, read.Size));
            Assert.Equal(3 - i, fixture.Registers[GeneralRegister.Ecx]);
            Assert.Equal(StringFixture.Code, fixture.Registers.Eip);
            fixture.Processor.CompleteRead(0xABCD_0000u + i);
            CpuExit write = fixture.Processor.Run(10);
            Assert.Equal((CpuExitReason.Device, true, 0x600000ul + (i * 4), 0xABCD_0000ul + i), (write.Reason, write.IsWrite, write.Physical, write.Value));
            fixture.Processor.CompleteWrite();
        }

        fixture.Processor.Run(1);
        Assert.Equal((0u, 0x50000Cu, 0x60000Cu), (fixture.Registers[GeneralRegister.Ecx], fixture.Registers[GeneralRegister.Esi], fixture.Registers[GeneralRegister.Edi]));
        Assert.Equal(StringFixture.Code + 2, fixture.Registers.Eip);
    }

    [Fact]
    public void Repeat_Asked_StopsAtAnElementAndGoesOn()
    {
        using StringFixture fixture = new();
        fixture.Program(a => a.rep.stosb());
        fixture.Registers[GeneralRegister.Edi] = 0x40FFF;
        fixture.Registers[GeneralRegister.Ecx] = 0x20000;
        Assert.True(fixture.Step().IsClean);
        uint left = fixture.Registers[GeneralRegister.Ecx];
        Assert.InRange(left, 1u, 0x20000u - 1);
        Assert.Equal(0x60FFFu, fixture.Registers[GeneralRegister.Edi] + left);
        Assert.Equal(StringFixture.Code, fixture.Registers.Eip);
        Assert.NotEqual(0u, fixture.Registers.Eflags & Flags.Resume);
        fixture.Processor.RequestAttention();
        Assert.Equal(CpuExitReason.Attention, fixture.Processor.Run(100).Reason);
        fixture.Processor.Run(100);
        Assert.Equal(0u, fixture.Registers[GeneralRegister.Ecx]);
        Assert.Equal(0u, fixture.Registers.Eflags & Flags.Resume);
    }

    [Fact]
    public void Repeat_Traced_OneElementEachTime()
    {
        using StringFixture fixture = new();
        fixture.Program(a => a.rep.stosd());
        fixture.Registers[GeneralRegister.Edi] = 0x40000;
        fixture.Registers[GeneralRegister.Ecx] = 3;
        fixture.State->SystemFlags |= Flags.Trap;
        for (uint left = 2; left != uint.MaxValue; left--)
        {
            Assert.True(fixture.Step().IsClean);
            Assert.Equal(left, fixture.Registers[GeneralRegister.Ecx]);
            Assert.Equal(left == 0 ? StringFixture.Code + 2 : StringFixture.Code, fixture.Registers.Eip);
        }
    }

    private static void Compare(StringFixture fixture, Random random)
    {
        StringModel.Page[] pages = new StringModel.Page[1024];
        for (uint i = 0; i < Pages; i++)
        {
            // Several addresses for one frame: overlaps that the addresses do not show.
            pages[FirstPage + i] = new StringModel.Page(random.Next(12) > 0, random.Next(12) > 0, FirstFrame + (uint)random.Next(Frames));
            fixture.Map(FirstPage + i, pages[FirstPage + i].Frame, (pages[FirstPage + i].Present ? 5u : 4u) | (pages[FirstPage + i].Writable ? 2u : 0));
        }

        fixture.Registers.Cr3 = StringFixture.Directory;
        Span<byte> frames = fixture.Memory.Slice((int)FirstFrame << 12, Frames << 12);
        random.NextBytes(frames);
        if (random.Next(2) == 0)
        {
            // Long runs of equal elements, for the comparisons.
            frames.Fill((byte)random.Next(256));
            frames[random.Next(frames.Length)] ^= (byte)random.Next(256);
        }

        string name = Names[random.Next(Names.Length)];
        bool address16 = random.Next(2) == 0;
        StringModel.Window source = Window(random, address16, isStack: random.Next(8) == 0);
        StringModel.Window destination = Window(random, address16, isStack: false);
        uint esi = Offset(random, source, address16);
        uint edi = random.Next(2) == 0 ? Offset(random, destination, address16) : source.Base + esi - destination.Base + (uint)random.Next(-9, 10);
        uint count = random.Next(5) switch { 0 => 0, 1 => (uint)random.Next(9000), 2 => 1, _ => (uint)random.Next(40) };
        StringModel model = new()
        {
            Memory = fixture.Memory[..((int)(FirstFrame + Frames) << 12)].ToArray(),
            Pages = pages,
            Source = source,
            Destination = destination,
            Name = name,
            Size = 1u << random.Next(3),
            Address16 = address16,
            Down = random.Next(2) == 0,
            Prefix = random.Next(4) == 0 ? 0 : random.Next(1, 3),
            Eax = random.Next(2) == 0 ? frames[0] * 0x01010101u : (uint)random.NextInt64(1L << 32),
            Ecx = count | (address16 ? (uint)random.Next(0x10000) << 16 : 0),
            Esi = esi | (address16 ? 0xABCD0000 : 0),
            Edi = (address16 ? edi & 0xFFFF : edi) | (address16 ? 0x12340000u : 0),
        };
        uint status = (uint)random.Next(0x1000) & Flags.Status;
        byte[] program = Encode(model, source.IsStack);
        SetUp(fixture, model, program, status);

        StringModel.Fault? expected = null;
        try
        {
            model.Run();
        }
        catch (StringModel.Fault fault)
        {
            expected = fault;
        }

        Outcome outcome = fixture.Step();
        while (outcome.IsClean && fixture.Registers.Eip == StringFixture.Code)
        {
            outcome = fixture.Step();
        }

        Check(fixture, model, expected, outcome, count <= 4096 || expected is null ? status : null);
        Assert.Equal(StringFixture.Code + (expected is null ? (uint)program.Length : 0), fixture.Registers.Eip);
    }

    private static void Check(StringFixture fixture, StringModel model, StringModel.Fault? expected, Outcome outcome, uint? status)
    {
        Assert.Equal(
            expected is null ? (Pending.None, (byte)0, 0u) : (Pending.Exception, expected.Vector, expected.Code),
            outcome.Pending == Pending.None ? (Pending.None, (byte)0, 0u) : (outcome.Pending, outcome.Vector, outcome.Code));
        if (expected is { Vector: 14 })
        {
            Assert.Equal(expected.Address, outcome.Address);
        }

        Assert.Equal(
            (model.Eax, model.Ecx, model.Esi, model.Edi),
            (fixture.Registers[GeneralRegister.Eax], fixture.Registers[GeneralRegister.Ecx], fixture.Registers[GeneralRegister.Esi], fixture.Registers[GeneralRegister.Edi]));
        if (status is uint before)
        {
            Assert.Equal(expected is null ? model.Status ?? before : before, fixture.Registers.Eflags & Flags.Status);
        }

        int start = (int)FirstFrame << 12;
        Assert.True(model.Memory.AsSpan(start, Frames << 12).SequenceEqual(fixture.Memory.Slice(start, Frames << 12)));
    }

    private static StringModel.Window Window(Random random, bool address16, bool isStack)
    {
        bool small = address16 || random.Next(2) == 0;
        uint @base = small ? FirstPage << 12 : 0;
        uint span = small ? 0xFFFFu : 0x1FFFF;
        return random.Next(5) switch
        {
            0 => new StringModel.Window(@base, (uint)random.Next((int)span), ExpandsDown: false, isStack),
            1 => new StringModel.Window(@base, (small ? 0 : FirstPage << 12) + (uint)random.Next(0x4000), ExpandsDown: true, isStack),
            _ => new StringModel.Window(@base, uint.MaxValue, ExpandsDown: false, isStack),
        };
    }

    // Away from the ends of what is mapped with 32-bit offsets, anywhere with 16-bit ones: those wrap inside it.
    private static uint Offset(Random random, StringModel.Window window, bool address16)
    {
        uint inside = address16 ? (uint)random.Next(0x10000) : 0x5000u + (uint)random.Next(0x6000);
        if (random.Next(3) == 0)
        {
            inside = (inside & 0xF000) + (uint)random.Next(-8, 9);
        }

        return (window.Base == 0 ? FirstPage << 12 : 0) + inside;
    }

    private static byte[] Encode(StringModel model, bool stackOverride)
    {
        List<byte> bytes = [];
        bytes.Add((byte)(stackOverride ? 0x36 : 0x64));
        if (model.Prefix != 0)
        {
            bytes.Add((byte)(model.Prefix == 1 ? 0xF3 : 0xF2));
        }

        if (model.Address16)
        {
            bytes.Add(0x67);
        }

        if (model.Size == 2)
        {
            bytes.Add(0x66);
        }

        int opcode = model.Name switch { "movs" => 0xA4, "cmps" => 0xA6, "stos" => 0xAA, "lods" => 0xAC, _ => 0xAE };
        bytes.Add((byte)(opcode + (model.Size == 1 ? 0 : 1)));
        return [.. bytes];
    }

    private static void SetUp(StringFixture fixture, StringModel model, byte[] program, uint status)
    {
        fixture.Flat(3);
        fixture.Program(program);
        fixture.Registers.SetSegment(model.Source.IsStack ? SegmentName.Ss : SegmentName.Fs, Value(model.Source));
        fixture.Registers.SetSegment(SegmentName.Es, Value(model.Destination));
        fixture.Registers[GeneralRegister.Eax] = model.Eax;
        fixture.Registers[GeneralRegister.Ecx] = model.Ecx;
        fixture.Registers[GeneralRegister.Esi] = model.Esi;
        fixture.Registers[GeneralRegister.Edi] = model.Edi;
        fixture.Registers.Eflags = status | (model.Down ? Flags.Direction : 0);
        fixture.Registers.Eip = StringFixture.Code;
    }

    private static SegmentValue Value(StringModel.Window window) =>
        new(0x13, window.Base, window.Limit, (ushort)(window.ExpandsDown ? 0xC0F7 : 0xC0F3));
}
