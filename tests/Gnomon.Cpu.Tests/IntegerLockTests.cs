namespace Gnomon.Cpu.Tests;

/// <summary>Two processors on two threads over one memory: what LOCK makes indivisible adds up.</summary>
public sealed class IntegerLockTests
{
    private const int Instructions = 3_000_000;

    // Each program counts in ECX what it has done to the number at [40000]; [40100] is a lock.
    public static TheoryData<string, byte[]> Programs { get; } = new()
    {
        {
            "LOCK XADD",
            [
                0xB8, 1, 0, 0, 0, // MOV EAX, 1
                0xF0, 0x0F, 0xC1, 0x05, 0, 0, 4, 0, // LOCK XADD [40000], EAX
                0x41, // INC ECX
                0xEB, 0xF0,
            ]
        },
        {
            "LOCK CMPXCHG",
            [
                0xA1, 0, 0, 4, 0, // MOV EAX, [40000]
                0x8D, 0x58, 0x01, // again: LEA EBX, [EAX+1]
                0xF0, 0x0F, 0xB1, 0x1D, 0, 0, 4, 0, // LOCK CMPXCHG [40000], EBX
                0x75, 0xF3, // JNE again
                0x41, // INC ECX
                0xEB, 0xEB,
            ]
        },
        {
            "LOCK CMPXCHG8B",
            [
                0x89, 0xCE, // MOV ESI, ECX
                0x8D, 0x58, 0x01, // again: LEA EBX, [EAX+1]
                0x89, 0xD1, // MOV ECX, EDX
                0xF0, 0x0F, 0xC7, 0x0D, 0, 0, 4, 0, // LOCK CMPXCHG8B [40000]
                0x75, 0xF1, // JNE again
                0x8D, 0x4E, 0x01, // LEA ECX, [ESI+1]
                0xEB, 0xEA,
            ]
        },
        {
            "LOCK BTS",
            [
                0xF0, 0x0F, 0xBA, 0x2D, 0, 1, 4, 0, 0x07, // LOCK BTS [40100], 7
                0x72, 0xF5, // JC
                0xFF, 0x05, 0, 0, 4, 0, // INC [40000]
                0x41, // INC ECX
                0xF0, 0x0F, 0xBA, 0x35, 0, 1, 4, 0, 0x07, // LOCK BTR [40100], 7
                0xEB, 0xE3,
            ]
        },
        {
            "XCHG",
            [
                0xB8, 1, 0, 0, 0, // MOV EAX, 1
                0x87, 0x05, 0, 1, 4, 0, // again: XCHG [40100], EAX
                0x85, 0xC0, // TEST EAX, EAX
                0x75, 0xF6, // JNE again
                0xFF, 0x05, 0, 0, 4, 0, // INC [40000]
                0x41, // INC ECX
                0x87, 0x05, 0, 1, 4, 0, // XCHG [40100], EAX
                0xEB, 0xE2,
            ]
        },
    };

    [Theory]
    [MemberData(nameof(Programs))]
    public void Locked_ByTwoProcessors_LosesNothing(string name, byte[] program)
    {
        using CpuFixture first = new();
        using CpuFixture second = first.Neighbour();
        foreach (CpuFixture cpu in new[] { first, second })
        {
            cpu.Load(program);
            foreach (GeneralRegister register in Enum.GetValues<GeneralRegister>())
            {
                cpu.Registers[register] = 0;
            }
        }

        CpuExit exit = default;
        using Barrier start = new(2);
        Thread other = new(() =>
        {
            start.SignalAndWait();
            exit = second.Processor.Run(Instructions);
        });
        other.Start();
        start.SignalAndWait();
        Assert.Equal(CpuExitReason.Budget, first.Processor.Run(Instructions).Reason);
        other.Join();
        Assert.Equal(CpuExitReason.Budget, exit.Reason);
        Finish([first, second], CpuFixture.Code + (uint)program.Length - 2);

        uint done = first.Registers[GeneralRegister.Ecx] + second.Registers[GeneralRegister.Ecx];
        Assert.True(done > 100, name);
        Assert.Equal(done, BitConverter.ToUInt32(first.Bytes(CpuFixture.Data, 4)));
    }

    // On to the jump at the program's end, by turns: one may wait for the other. There count and number agree.
    private static void Finish(CpuFixture[] cpus, uint end)
    {
        for (int i = 0; i < 1000; i++)
        {
            CpuFixture cpu = cpus[i % cpus.Length];
            if (cpu.Registers.Eip != end)
            {
                Assert.Equal(CpuExitReason.Budget, cpu.Processor.Run(1).Reason);
            }
        }

        Assert.All(cpus, cpu => Assert.Equal(end, cpu.Registers.Eip));
    }
}
