using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Tests.Execution;

/// <summary>Accesses that are no memory end the run, and the instruction is finished with what the caller says.</summary>
public sealed unsafe class DeviceAccessTests
{
    [Fact]
    public void Load_FromADevice_IsFinishedWithTheValue()
    {
        using FlatBoard board = new();
        board.Assemble(FlatBoard.Code, a => a.mov(eax, __[FlatBoard.Device + 0x10]));
        CpuExit exit = board.Processor.Run(1);
        Assert.Equal(new CpuExit { Reason = CpuExitReason.Device, Physical = FlatBoard.Device + 0x10, Size = 4 }, exit);
        Assert.Equal(FlatBoard.Code, board.R.Eip);
        board.Processor.CompleteRead(0x1234_5678);
        Assert.Equal(CpuExitReason.Budget, board.Processor.Run(1).Reason);
        Assert.Equal(0x1234_5678u, board.R[GeneralRegister.Eax]);
        Assert.Equal(1UL, board.Processor.Instructions);
    }

    [Fact]
    public void ReadModifyWrite_OfADevice_KeepsTheCarryUntilItIsDone()
    {
        using FlatBoard board = new();
        board.Assemble(FlatBoard.Code, a => a.adc(__dword_ptr[FlatBoard.Device], 1));
        board.R.Eflags = 3;
        Assert.False(board.Processor.Run(1).IsWrite);
        board.Processor.CompleteRead(0xFFFF_FFFE);
        CpuExit write = board.Processor.Run(1);
        Assert.True(write.IsWrite);
        Assert.Equal(0UL, write.Value);
        Assert.Equal(3u, board.R.Eflags);
        board.Processor.CompleteWrite();
        Assert.Equal(CpuExitReason.Budget, board.Processor.Run(1).Reason);
        Assert.Equal(0x57u, board.R.Eflags & 0xFF);
    }

    [Fact]
    public void Store_AcrossMemoryAndADevice_WritesEachPart()
    {
        using FlatBoard board = new();
        board.Assemble(FlatBoard.Code, a => a.mov(__dword_ptr[FlatBoard.Device - 1], 0x4433_2211));
        CpuExit first = board.Processor.Run(1);
        Assert.Equal((FlatBoard.Device, 2, 0x3322UL), ((uint)first.Physical, first.Size, first.Value));
        board.Processor.CompleteWrite();
        CpuExit second = board.Processor.Run(1);
        Assert.Equal((FlatBoard.Device + 2, 1, 0x44UL), ((uint)second.Physical, second.Size, second.Value));
        board.Processor.CompleteWrite();
        Assert.Equal(CpuExitReason.Budget, board.Processor.Run(1).Reason);
        Assert.Equal(0x11, *board.Ram.At(FlatBoard.Device - 1));
    }

    [Fact]
    public void Redirect_MakesOnePageADevice_ForOneInstruction()
    {
        using FlatBoard board = new();
        board.Assemble(FlatBoard.Code, a =>
        {
            a.mov(__dword_ptr[FlatBoard.Data + 8], 7);
            a.mov(__dword_ptr[FlatBoard.Data + 8], 9);
        });
        board.Processor.Redirect(new Gnomon.Cpu.Memory.Redirection(FlatBoard.Data, 0xABCD_E000, Reads: false, Writes: true));
        CpuExit exit = board.Processor.Run(2);
        Assert.Equal(new CpuExit { Reason = CpuExitReason.Device, Physical = 0xABCD_E008, Size = 4, IsWrite = true, Value = 7 }, exit);
        board.Processor.CompleteWrite();
        Assert.Equal(CpuExitReason.Budget, board.Processor.Run(2).Reason);
        Assert.Equal(9u, *(uint*)board.Ram.At(FlatBoard.Data + 8));
    }

    [Fact]
    public void Fetch_FromADevice_IsAnInvalidOpcode()
    {
        using FlatBoard board = new();
        board.R.Eip = FlatBoard.Device;
        CpuExit exit = board.Processor.Run(10);
        Assert.Equal(CpuExitReason.TripleFault, exit.Reason);
    }
}
