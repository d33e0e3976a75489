using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Tests.Execution;

/// <summary>A budget is exact, wherever it ends.</summary>
public sealed class BudgetTests
{
    [Fact]
    public void Run_InPiecesOfAnySize_IsTheSameRun()
    {
        const int total = 5000;
        using FlatBoard whole = Board();
        Assert.Equal(CpuExitReason.Budget, whole.Processor.Run(total).Reason);
        for (int seed = 1; seed <= TestSettings.Steps(20); seed++)
        {
            Random random = new(seed);
            using FlatBoard pieces = Board();
            for (int left = total; left > 0;)
            {
                int piece = Math.Min(left, random.Next(4) == 0 ? 1 : random.Next(1, 60));
                Assert.Equal(CpuExitReason.Budget, pieces.Processor.Run(piece).Reason);
                left -= piece;
            }

            Assert.True(whole.State() == pieces.State(), $"seed {seed}: {pieces.State()} instead of {whole.State()}");
            Assert.Equal((ulong)total, pieces.Processor.Instructions);
        }
    }

    [Fact]
    public void Run_EndsExactlyWhereTheBudgetSays()
    {
        using FlatBoard board = new();
        board.Assemble(FlatBoard.Code, a =>
        {
            for (int i = 0; i < 100; i++)
            {
                a.inc(eax);
            }
        });
        for (uint i = 1; i <= 100; i++)
        {
            board.Processor.Run(1);
            Assert.Equal(i, board.R[GeneralRegister.Eax]);
            Assert.Equal(FlatBoard.Code + i, board.R.Eip);
        }
    }

    [Fact]
    public void Run_Fault_IsNotCounted_ButItsDeliveryIs()
    {
        using FlatBoard board = new();
        board.Processor.Intercepts = Intercepts.PageFault;
        board.R.Cr3 = 0x8_0000;
        board.Assemble(FlatBoard.Code, a => a.inc(eax));
        board.R.Cr0 = 0x8000_0011;
        CpuExit exit = board.Processor.Run(10);
        Assert.Equal(CpuExitReason.PageFault, exit.Reason);
        Assert.Equal(FlatBoard.Code, exit.Address);
        Assert.Equal(0UL, board.Processor.Instructions);
    }

    [Fact]
    public void Attention_FromAnotherThread_EndsAnEndlessLoop()
    {
        using FlatBoard board = new();
        board.Assemble(FlatBoard.Code, a =>
        {
            Label self = a.CreateLabel();
            a.Label(ref self);
            a.jmp(self);
        });
        Thread other = new(() =>
        {
            Thread.Sleep(20);
            board.Processor.RequestAttention();
        });
        other.Start();
        Assert.Equal(CpuExitReason.Attention, board.Processor.Run(1 << 30).Reason);
        other.Join();
    }

    // A loop with calls, memory and flags in it, whose blocks have all lengths.
    private static FlatBoard Board()
    {
        FlatBoard board = new();
        board.Assemble(FlatBoard.Code, a =>
        {
            Label again = a.CreateLabel(), skip = a.CreateLabel(), function = a.CreateLabel();
            a.mov(ebx, FlatBoard.Data);
            a.Label(ref again);
            a.add(eax, 0x1234567);
            a.adc(edx, eax);
            a.mov(__[ebx + ecx * 4], edx);
            a.inc(ecx);
            a.and(ecx, 0xFF);
            a.test(al, 0x40);
            a.jne(skip);
            a.push(eax);
            a.call(function);
            a.pop(esi);
            a.Label(ref skip);
            a.xor(edx, __[ebx + ecx * 4]);
            a.sbb(edi, edx);
            a.jmp(again);
            a.Label(ref function);
            a.add(ebp, __[esp + 4]);
            for (int i = 0; i < 70; i++)
            {
                a.lea(ebp, __[ebp + ebp * 2 + i]);
            }

            a.ret();
        });
        return board;
    }
}
