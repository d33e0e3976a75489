using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Tests.Execution;

/// <summary>A store into code is seen by the next instruction that is run, wherever it lies.</summary>
public sealed unsafe class SelfModifyingCodeTests
{
    private const byte IncEax = 0x40;
    private const byte IncEcx = 0x41;

    [Fact]
    public void Store_IntoTheNextInstruction_IsSeen()
    {
        using FlatBoard board = new();
        board.Put(FlatBoard.Code, [0xC6, 0x05, .. BitConverter.GetBytes(FlatBoard.Code + 7), IncEcx, IncEax]);
        board.Processor.Run(2);
        Assert.Equal(0u, board.R[GeneralRegister.Eax]);
        Assert.Equal(1u, board.R[GeneralRegister.Ecx]);
    }

    [Fact]
    public void Store_IntoALoopThatRuns_IsSeenEveryTime()
    {
        using FlatBoard board = new();
        board.Assemble(FlatBoard.Code, a =>
        {
            Label again = a.CreateLabel();
            a.Label(ref again);
            a.xor(__byte_ptr[FlatBoard.Code + 9], 1);
            a.nop();
            a.nop();
            a.db(IncEax);
            a.jmp(again);
        });
        board.Put(FlatBoard.Code + 7, [0x42, 0x42]);

        // Each round: the store, two INC EDX, INC EAX or INC ECX in turn, the jump.
        board.Processor.Run(5 * 1000);
        Assert.Equal(500u, board.R[GeneralRegister.Eax]);
        Assert.Equal(500u, board.R[GeneralRegister.Ecx]);
        Assert.Equal(2000u, board.R[GeneralRegister.Edx]);
    }

    [Fact]
    public void Store_IntoABlockBehindALink_IsSeen()
    {
        using FlatBoard board = new();
        board.Assemble(FlatBoard.Code, a =>
        {
            Label next = a.CreateLabel(), again = a.CreateLabel();
            a.Label(ref again);
            a.jmp(next);
            a.Label(ref next);
            a.inc(eax);
            a.jmp(again);
        });
        board.Processor.Run(300);
        Assert.Equal(100u, board.R[GeneralRegister.Eax]);
        board.Put(FlatBoard.Code + 2, [IncEcx]);
        board.Processor.Run(300);
        Assert.Equal(100u, board.R[GeneralRegister.Eax]);
        Assert.Equal(100u, board.R[GeneralRegister.Ecx]);
    }

    [Fact]
    public void Store_BesideCode_LeavesItDecoded()
    {
        using FlatBoard board = new();
        board.Assemble(FlatBoard.Code, a =>
        {
            Label again = a.CreateLabel();
            a.Label(ref again);
            a.mov(__[FlatBoard.Code + 0x800], eax);
            a.inc(eax);
            a.jmp(again);
        });
        board.Processor.Run(3000);
        Assert.Equal(0, board.Processor.CodePagesDropped);
        Assert.Equal(999u, *(uint*)board.Ram.At(FlatBoard.Code + 0x800));
    }

    [Fact]
    public void Store_IntoTheSecondPageOfACrossingInstruction_IsSeen()
    {
        using FlatBoard board = new();

        // MOV EAX, imm32 with its last two bytes in the next page.
        uint start = FlatBoard.Code + 0x1000 - 3;
        board.Put(start, [0xB8, 0x11, 0x22, 0x33, 0x44, 0xE9, .. BitConverter.GetBytes(-10)]);
        board.R.Eip = start;
        board.Processor.Run(20);
        Assert.Equal(0x4433_2211u, board.R[GeneralRegister.Eax]);
        board.Put(start + 3, [0x55]);
        board.Processor.Run(2);
        Assert.Equal(0x4455_2211u, board.R[GeneralRegister.Eax]);
    }

    [Fact]
    public void Code_AtTwoLinearAddresses_RunsAtBoth()
    {
        using FlatBoard board = new();
        board.R.SetSegment(SegmentName.Cs, new SegmentValue(8, 0, uint.MaxValue, 0xC09B));

        // The same physical page at two linear ones: a call pushes the address that it really has.
        MapTwice(board);
        board.Assemble(FlatBoard.Code, a =>
        {
            Label next = a.CreateLabel();
            a.call(next);
            a.Label(ref next);
            a.pop(eax);
        });
        board.R.Eip = FlatBoard.Code;
        board.Processor.Run(2);
        Assert.Equal(FlatBoard.Code + 5, board.R[GeneralRegister.Eax]);
        board.R.Eip = 0x5_0000;
        board.Processor.Run(2);
        Assert.Equal(0x5_0005u, board.R[GeneralRegister.Eax]);
        Assert.Equal(2, board.Processor.BlocksBuilt);
    }

    private static void MapTwice(FlatBoard board)
    {
        const uint directory = 0x8_0000, table = 0x8_1000;
        *(uint*)board.Ram.At(directory) = table | 7;
        for (uint page = 0; page < 256; page++)
        {
            *(uint*)board.Ram.At(table + (page * 4)) = (page << 12) | 7;
        }

        *(uint*)board.Ram.At(table + (0x50 * 4)) = FlatBoard.Code | 7;
        board.R.Cr3 = directory;
        board.R.Cr0 = 0x8000_0011;
    }
}
