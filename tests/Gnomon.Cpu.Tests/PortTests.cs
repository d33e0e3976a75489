using Gnomon.Cpu.Execution;

namespace Gnomon.Cpu.Tests;

public sealed unsafe class PortTests
{
    private const uint Task = 0x8000;
    private const ushort MapBase = 0x88;
    private static readonly byte[] InByte = [0xEC];
    private static readonly byte[] InWord = [0x66, 0xED];
    private static readonly byte[] InDword = [0xED];

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void In_PrivilegedEnough_NoMapIsLookedAt(int cpl)
    {
        using StringFixture fixture = new();
        fixture.Flat(cpl);
        fixture.Registers.Eflags = (uint)cpl << 12;
        fixture.Registers[GeneralRegister.Edx] = 0xFFFF_03F8;
        fixture.Registers[GeneralRegister.Eax] = 0x11223344;
        fixture.Program(InWord);
        CpuExit exit = fixture.Processor.Run(1);
        Assert.Equal((CpuExitReason.Port, (ushort)0x3F8, (byte)2, false), (exit.Reason, exit.Port, exit.Size, exit.IsWrite));
        fixture.Processor.CompleteRead(0xAABB);
        Assert.Equal(CpuExitReason.Budget, fixture.Processor.Run(1).Reason);
        Assert.Equal(0x1122AABBu, fixture.Registers[GeneralRegister.Eax]);
        Assert.Equal(StringFixture.Code + 2, fixture.Registers.Eip);
    }

    [Fact]
    public void Out_Immediate_TellsTheValueOnce()
    {
        using StringFixture fixture = new();
        fixture.Program(0xE6, 0x80, 0xE7, 0x84);
        fixture.Registers[GeneralRegister.Eax] = 0x11223344;
        CpuExit first = fixture.Processor.Run(2);
        Assert.Equal((CpuExitReason.Port, (ushort)0x80, (byte)1, true, 0x44ul), (first.Reason, first.Port, first.Size, first.IsWrite, first.Value));
        fixture.Processor.CompleteWrite();
        CpuExit second = fixture.Processor.Run(2);
        Assert.Equal(((ushort)0x84, (byte)4, true, 0x11223344ul), (second.Port, second.Size, second.IsWrite, second.Value));
        Assert.Equal(StringFixture.Code + 2, fixture.Registers.Eip);
    }

    // Each port of the map in turn, all sizes, protected and virtual-8086 mode: refused exactly when one of its bits is set.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void In_Map_EachBitCounts(bool isVirtual)
    {
        using StringFixture fixture = new();
        SetTask(fixture, 0x8B, limit: MapBase + 0x20);
        Random random = new(7);
        byte[] map = new byte[0x21];
        for (int i = 0; i < map.Length; i++)
        {
            map[i] = (byte)(random.Next(256) & random.Next(256));
        }

        map.CopyTo(fixture.Memory[(int)(Task + MapBase)..]);
        foreach ((byte[] program, uint size) in new[] { (InByte, 1u), (InWord, 2u), (InDword, 4u) })
        {
            // In 16-bit code the prefix means the other size.
            byte[] bytes = isVirtual && size != 1 ? size == 4 ? [0x66, 0xED] : [0xED] : program;
            for (uint port = 0; port < 0x100; port++)
            {
                Enter(fixture, isVirtual, bytes);
                fixture.Registers[GeneralRegister.Edx] = port;
                bool allowed = true;
                for (uint i = port; i < port + size; i++)
                {
                    allowed &= (map[i / 8] >> (int)(i % 8) & 1) == 0;
                }

                Outcome outcome = fixture.Step();
                Assert.Equal(allowed ? Pending.Exit : Pending.Exception, outcome.Pending);
                Assert.True(allowed ? outcome.Exit.Port == port && outcome.Exit.Size == size : outcome.IsFault(Vector.GeneralProtection) && outcome.Code == 0);
            }
        }
    }

    [Theory]
    [InlineData(0x8B, 0x67, 0x00, true)] // The map's base is there, the map is not.
    [InlineData(0x8B, MapBase, 0x00, true)] // The second byte is behind the limit.
    [InlineData(0x8B, MapBase + 1, 0x00, false)]
    [InlineData(0x89, MapBase + 1, 0x00, false)]
    [InlineData(0x8B, 0x66, 0x00, true)] // Half of the field.
    [InlineData(0x83, MapBase + 1, 0x00, true)] // A 16-bit task has no map.
    [InlineData(0x81, MapBase + 1, 0x00, true)]
    [InlineData(0x8B, MapBase + 1, 0x08, true)] // The next byte's bits: behind the limit.
    [InlineData(0x8B, MapBase + 2, 0x08, false)]
    public void In_TaskAndLimit_Decide(int access, uint limit, uint port, bool refused)
    {
        using StringFixture fixture = new();
        SetTask(fixture, access, limit);
        Enter(fixture, isVirtual: false, InByte);
        fixture.Registers[GeneralRegister.Edx] = port;
        Outcome outcome = fixture.Step();
        Assert.Equal(refused, outcome.IsFault(Vector.GeneralProtection));
        Assert.Equal(!refused, outcome.Pending == Pending.Exit);
    }

    [Fact]
    public void Ins_DestinationFaults_PortIsNotRead()
    {
        using StringFixture fixture = new();
        fixture.Page(7);
        fixture.Map(0x50, 0x50, 0);
        fixture.Program(0xF3, 0x6C);
        fixture.Registers[GeneralRegister.Edi] = 0x4FFFE;
        fixture.Registers[GeneralRegister.Ecx] = 4;
        fixture.Registers[GeneralRegister.Edx] = 0x1F0;
        for (byte i = 1; i <= 2; i++)
        {
            Outcome read = StepOn(fixture);
            Assert.Equal((Pending.Exit, CpuExitReason.Port, (ushort)0x1F0), (read.Pending, read.Exit.Reason, read.Exit.Port));
            fixture.Processor.CompleteRead(i);
        }

        Outcome fault = StepOn(fixture);
        Assert.True(fault.IsFault(Vector.PageFault));
        Assert.Equal((0x50000u, 2u), (fault.Address, fault.Code));
        Assert.Equal((2u, 0x50000u), (fixture.Registers[GeneralRegister.Ecx], fixture.Registers[GeneralRegister.Edi]));
        Assert.Equal(0x0201, fixture.Read16(0x4FFFE));
        Assert.Equal(StringFixture.Code, fixture.Registers.Eip);
    }

    [Fact]
    public void Outs_Repeated_ReadsEachElementOnceAndCounts()
    {
        using StringFixture fixture = new();
        fixture.Program(0xF3, 0x66, 0x6F, 0x90);
        fixture.Write32(0x40000, 0x33332222);
        fixture.Write32(0x40004, 0x44444444);
        fixture.Registers[GeneralRegister.Esi] = 0x40000;
        fixture.Registers[GeneralRegister.Ecx] = 3;
        fixture.Registers[GeneralRegister.Edx] = 0x1F0;
        foreach (ulong value in new ulong[] { 0x2222, 0x3333, 0x4444 })
        {
            CpuExit exit = fixture.Processor.Run(5);
            Assert.Equal((CpuExitReason.Port, true, (byte)2, value), (exit.Reason, exit.IsWrite, exit.Size, exit.Value));
            fixture.Processor.CompleteWrite();
        }

        fixture.Processor.Run(1);
        Assert.Equal((0u, 0x40006u, StringFixture.Code + 3), (fixture.Registers[GeneralRegister.Ecx], fixture.Registers[GeneralRegister.Esi], fixture.Registers.Eip));
    }

    [Fact]
    public void Outs_Repeated_InterruptsComeBetweenElements()
    {
        using StringFixture fixture = new();
        fixture.Program(0xF3, 0x6E);
        fixture.Registers.Eflags = Flags.Interrupt;
        fixture.Registers[GeneralRegister.Esi] = 0x40000;
        fixture.Registers[GeneralRegister.Ecx] = 5;
        Assert.Equal(CpuExitReason.Port, fixture.Processor.Run(5).Reason);
        fixture.Processor.WantsInterruptWindow = true;
        ulong before = fixture.Processor.Instructions;
        fixture.Processor.CompleteWrite();
        Assert.Equal(CpuExitReason.InterruptWindow, fixture.Processor.Run(5).Reason);
        Assert.Equal((4u, 0x40001u, StringFixture.Code, before + 1),
            (fixture.Registers[GeneralRegister.Ecx], fixture.Registers[GeneralRegister.Esi], fixture.Registers.Eip, fixture.Processor.Instructions));
    }

    [Fact]
    public void PortStrings_NothingToDo_NoExit()
    {
        using StringFixture fixture = new();
        fixture.Program(0xF3, 0x6C, 0xF3, 0x6E);
        fixture.Registers[GeneralRegister.Edi] = 0x600000;
        Assert.Equal(CpuExitReason.Budget, fixture.Processor.Run(2).Reason);
    }

    [Theory]
    [InlineData(0x3F8u, true, true)]
    [InlineData(0x3FBu, true, true)]
    [InlineData(0x3FCu, true, false)]
    [InlineData(0x3F8u, false, false)]
    public void In_WatchedPort_IsNoted(uint port, bool extensions, bool hit)
    {
        using StringFixture fixture = new();
        fixture.Program(InByte);
        fixture.Registers.Cr4 = extensions ? Cr4.DebuggingExtensions : 0;
        fixture.State->Breakpoints[1] = 0x3F8;
        fixture.State->Dr7 = 0x400 | (1u << 2) | (2u << 20) | (3u << 22);
        fixture.Registers[GeneralRegister.Edx] = port;
        Assert.Equal(Pending.Exit, fixture.Step().Pending);
        Assert.Equal(0u, fixture.State->DebugHits);
        fixture.Processor.CompleteRead(0);
        Assert.True(fixture.Step().IsClean);
        Assert.Equal(hit ? 2u : 0, fixture.State->DebugHits);
    }

    // Behind an element that the outside has answered a repetition stops once.
    private static Outcome StepOn(StringFixture fixture)
    {
        Outcome outcome = fixture.Step();
        return outcome.IsClean ? fixture.Step() : outcome;
    }

    private static void SetTask(StringFixture fixture, int access, uint limit)
    {
        fixture.Registers.Task = new SegmentValue(0x28, Task, limit, (ushort)access);
        fixture.Write32(Task + 0x64, (uint)MapBase << 16);
    }

    private static void Enter(StringFixture fixture, bool isVirtual, byte[] program)
    {
        fixture.Program(program);
        if (isVirtual)
        {
            fixture.Virtual8086(Flags.Iopl);
            return;
        }

        fixture.Flat(3);
        fixture.Registers.Eflags = 0;
        fixture.Registers.Eip = StringFixture.Code;
    }
}
