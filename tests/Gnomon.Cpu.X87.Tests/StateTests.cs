using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Gnomon.Cpu.X87.Tests;

/// <summary>The state as others embed it, stores in two phases, waiting, and cost.</summary>
public sealed class StateTests
{
    [Fact]
    public void State_Any_HasNoReferences()
    {
        Assert.False(RuntimeHelpers.IsReferenceOrContainsReferences<X87State>());
        Assert.Equal(16, Unsafe.SizeOf<Float80>());
    }

    [Fact]
    public void Reset_Power_IsTable9_1()
    {
        X87State state = default;
        state.Reset();
        Assert.Equal(0x0040, state.Control);
        Assert.Equal(0, state.Status);
        // All registers hold +0 and are tagged so.
        Assert.Equal(0x5555, state.TagWord);
    }

    [Fact]
    public void PrepareStore_WithoutCommit_LeavesTheState()
    {
        OperandGenerator generator = new(287);
        byte[] before = new byte[108];
        byte[] after = new byte[108];
        (uint Opcode, uint Reg)[] stores = [(0xD9, 3), (0xDD, 3), (0xDB, 7), (0xDB, 3), (0xDF, 7), (0xDF, 6), (0xDF, 3), (0xDD, 1)];
        for (int i = 0; i < 2000; i++)
        {
            X87State state = generator.State(full: false);
            X87Images.WriteSave(state, before, X87ImageFormat.Protected32);
            foreach ((uint opcode, uint reg) in stores)
            {
                X87MemoryForms.PrepareStore(state, opcode, reg);
                X87Images.WriteSave(state, after, X87ImageFormat.Protected32);
                Assert.Equal(before, after);
            }
        }
    }

    [Fact]
    public void HasPendingException_UnmaskedDivision_UntilCleared()
    {
        X87State state = default;
        state.Initialize();
        X87Images.LoadControl(ref state, 0x037B);
        X87Loads.Integer(ref state, 1);
        X87Arithmetic.Integer(ref state, X87BinaryOperation.Divide, 0);
        Assert.True(state.HasPendingException);
        Assert.Equal(Float80.One, state.Get(0));
        X87Images.ClearExceptions(ref state);
        Assert.False(state.HasPendingException);
    }

    [Theory]
    [InlineData(0xDB, 0xE2, true)]
    [InlineData(0xDB, 0xE3, true)]
    [InlineData(0xDF, 0xE0, true)]
    [InlineData(0xD8, 0xC1, false)]
    [InlineData(0xDF, 0xE8, false)]
    public void IsNonWaiting_Form_IsAsVolume1Section8_3_12(int opcode, int modrm, bool expected) =>
        Assert.Equal(expected, X87RegisterForms.IsNonWaiting((uint)opcode, (uint)modrm));

    [Fact]
    public void Execute_EveryForm_AllocatesNothing()
    {
        OperandGenerator generator = new(387);
        X87State start = generator.State(full: true);
        X87State state = start;
        for (int round = 0; round < 2; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (uint opcode = 0xD8; opcode <= 0xDF; opcode++)
            {
                for (uint modrm = 0xC0; modrm <= 0xFF; modrm++)
                {
                    state = start;
                    X87RegisterForms.Execute(ref state, opcode, modrm, 2, out _);
                }
            }
            if (round == 1)
            {
                Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
            }
        }
    }

    /// <summary>No limit is asserted: the machine is shared. The figures are in the output.</summary>
    [Fact]
    public void Registers_CommonOperations_CostIsPrinted()
    {
        X87BinaryOperation[] operations = [X87BinaryOperation.Add, X87BinaryOperation.Multiply, X87BinaryOperation.Divide];
        foreach (X87BinaryOperation operation in operations)
        {
            X87State state = default;
            state.Initialize();
            state.Push(new Float80(0xA123_4567_89AB_CDEF, 0x3FFF));
            state.Push(new Float80(0xB123_4567_89AB_CDEF, 0x3FFE));
            Float80 start = state.Get(0);
            const int Count = 2_000_000;
            long ticks = 0;
            for (int round = 0; round < 3; round++)
            {
                ticks = Stopwatch.GetTimestamp();
                for (int i = 0; i < Count; i++)
                {
                    state.Set(0, start);
                    X87Arithmetic.Registers(ref state, operation, 0, 1, pop: false);
                }
                ticks = Stopwatch.GetTimestamp() - ticks;
            }
            double nanoseconds = ticks * 1e9 / Stopwatch.Frequency / Count;
            Console.WriteLine($"{operation}: {nanoseconds:F1} ns");
            Assert.NotEqual(start, state.Get(0));
        }
    }
}
