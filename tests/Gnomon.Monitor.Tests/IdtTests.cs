using Gnomon.Monitor.Tests.Fixture;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>Hypercall 6 and the real interrupt table that comes of it.</summary>
public sealed class IdtTests
{
    private const uint Handler = 0x1234_5678;

    public static TheoryData<uint> BadTypes => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];

    [Theory]
    [MemberData(nameof(BadTypes))]
    public void Type_OtherThanInterruptOrTrapGate_Kills(uint type)
    {
        using TinyMachine machine = Machine(k => k.Call(6, 40, 0x61_0000, 0x8000 | (type << 8)));
        Assert.Contains($"0x{type:x}", machine.RunToDeath(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(256u)]
    [InlineData(257u)]
    [InlineData(uint.MaxValue)]
    public void Entry_Above255_Kills(uint vector)
    {
        using TinyMachine machine = Machine(k => k.Call(6, vector, 0x61_0000, 0x8E00));
        Assert.Contains($"0x{vector:x}", machine.RunToDeath(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2u)]
    [InlineData(8u)]
    [InlineData(15u)]
    [InlineData(31u)]
    public void HostsEntries_AreIgnored(uint vector)
    {
        using TinyMachine plain = Running(_ => { });
        using TinyMachine machine = Running(k => k.Call(6, vector, 0x61_0000 | (Handler & 0xFFFF), (Handler & 0xFFFF_0000) | 0xEF00));
        Assert.Equal(plain.View.Gate((int)vector), machine.View.Gate((int)vector));

        // Not even a wrong type kills: the request is not looked at.
        using TinyMachine wrong = Running(k => k.Call(6, vector, 0x61_0000, 0x8500));
        Assert.Equal(plain.View.Gate((int)vector), wrong.View.Gate((int)vector));
    }

    [Fact]
    public void EmptyTable_LeadsToTheHost_AtLevel0ButForHypercalls()
    {
        using TinyMachine machine = Running(_ => { });
        for (int vector = 0; vector < 256; vector++)
        {
            RealGate gate = machine.View.Gate(vector);
            Assert.True(gate.IsPresent && gate.Selector == 10 * 8 && gate.Type == 0xE, $"{vector}: {gate}");
            Assert.Equal(vector == 31 ? 1 : 0, gate.Level);
        }
    }

    [Theory]
    [InlineData(0xEu)]
    [InlineData(0xFu)]
    public void Levels_AreCopiedWhereTheGuestMayRaise(uint type)
    {
        using TinyMachine machine = Running(k =>
        {
            k.Code.mov(edi, 0);
            k.Mark("next");
            k.Code.mov(eax, 6);
            k.Code.mov(ebx, edi);
            k.Code.mov(ecx, 0x61_0000 | (Handler & 0xFFFF));
            k.Code.mov(edx, (Handler & 0xFFFF_0000) | 0xE000 | (type << 8));
            k.Code.@int(0x1F);
            k.Code.inc(edi);
            k.Code.cmp(edi, 256);
            k.Code.jne(k.At("next"));
        });
        for (int vector = 0; vector < 256; vector++)
        {
            RealGate gate = machine.View.Gate(vector);
            bool guests = vector is (< 32 and not (7 or 13 or 14 or 31 or 2 or 8 or 15)) or 0x80;
            Assert.Equal((vector, vector == 31 ? 1 : guests ? 3 : 0), (vector, gate.Level));

            // Direct: to the guest's handler at its code segment, real interrupts staying on.
            bool direct = guests && type == 0xF;
            Assert.Equal((vector, direct ? 0x61u : 0x50u), (vector, gate.Selector));
            Assert.Equal((vector, direct), (vector, gate.Offset == Handler));
            Assert.Equal((vector, direct ? 0xF : 0xE), (vector, gate.Type));
        }
    }

    [Fact]
    public void Gate_NotPresent_IsNotTaken()
    {
        // The second request takes the gate away.
        using TinyMachine machine = Machine(k =>
        {
            k.Gate(6, "handler");
            k.Call(6, 6, 0x61_0000, 0);
            k.Mark("bad");
            k.Code.ud2();
            k.Mark("handler");
        });
        Assert.Contains($"0x{machine.Kernel.Addresses["bad"]:x}", machine.RunToDeath(), StringComparison.Ordinal);
    }

    [Fact]
    public void Selector_IsTheKernels_WhateverTheGateSays()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Load(edx, "handler");
        kernel.Code.mov(ecx, edx);
        kernel.Code.and(ecx, 0xFFFF);
        kernel.Code.or(ecx, 0x50 << 16);
        kernel.Code.and(edx, 0xFFFF_0000);
        kernel.Code.or(edx, 0x8F00);
        kernel.Code.mov(eax, 6);
        kernel.Code.mov(ebx, 6);
        kernel.Code.@int(0x1F);
        kernel.Code.ud2();
        kernel.Mark("handler");
        kernel.Code.mov(eax, cs);
        kernel.Keep(0, eax);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal(0x61u, machine.Kept(0));
    }

    [Theory]
    [InlineData(0x80u, 0xE, 1L)]
    [InlineData(0x80u, 0xF, 0L)]
    [InlineData(0x90u, 0xE, 1L)]
    [InlineData(0x90u, 0xF, 0L)]
    public void SyscallVector_AsInterruptGate_IsReflected_AsTrapGateDirect(uint vector, int type, long reflected)
    {
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate((int)vector, "call", type, level: 3);
        kernel.GoToUser("user");
        kernel.Mark("user");
        kernel.Code.mov(eax, 20);
        kernel.Code.@int((byte)vector);
        kernel.Mark("back");
        kernel.Code.nop();
        kernel.Mark("call");
        kernel.Keep(5, eax);
        kernel.KeepStack(0, 5);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.Write32(TinyKernel.Data + 1384, vector);
        machine.RunToShutdown();
        Assert.Equal([kernel.Addresses["back"], 0x73u, TinyKernel.UserStack, 0x7Bu, 20u], [
            machine.Kept(0), machine.Kept(1), machine.Kept(3), machine.Kept(4), machine.Kept(5)]);
        Assert.Equal(reflected, machine.Guest.Statistics.Reflected);
    }

    [Theory]
    [InlineData(0x81)]
    [InlineData(0x21)]
    [InlineData(0x7)]
    [InlineData(0xD)]
    [InlineData(0xE)]
    [InlineData(0x2)]
    [InlineData(0x8)]
    [InlineData(0xF)]
    public void VectorsOfTheHost_CannotBeRaisedByLevel3(byte vector)
    {
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(vector, "other", level: 3);
        kernel.Gate(13, "fault");
        kernel.GoToUser("user");
        kernel.Mark("fault");
        kernel.KeepStack(0, 2);
        kernel.ShutDown();
        kernel.Mark("other");
        kernel.Code.hlt();
        kernel.Mark("user");
        kernel.Code.@int(vector);
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal([(vector * 8u) | 2, kernel.Addresses["user"]], [machine.Kept(0), machine.Kept(1)]);
    }

    [Theory]
    [InlineData(10, 3)]
    [InlineData(11, 3)]
    [InlineData(12, 3)]
    [InlineData(17, 3)]
    [InlineData(10, 1)]
    [InlineData(11, 1)]
    [InlineData(12, 1)]
    [InlineData(17, 1)]
    public void SoftwareInterrupt_OntoAVectorWithAnErrorCode_ShiftsNothing(byte vector, int level)
    {
        // As the CPU does it: EIP is behind the INT, and no error code is pushed. All registers survive.
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(vector, "handler", level: 3);
        kernel.Code.mov(ebp, 0x1357);
        kernel.Code.mov(edi, 0x2468);
        if (level == 3)
        {
            kernel.GoToUser("at");
        }

        kernel.Mark("at");
        kernel.Code.@int(vector);
        kernel.Mark("behind");
        kernel.Code.nop();
        kernel.Mark("handler");
        kernel.KeepStack(0, 5);
        kernel.Keep(5, esp);
        kernel.Keep(6, ebp);
        kernel.Keep(7, edi);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal([kernel.Addresses["behind"], level == 3 ? 0x73u : 0x61u], [machine.Kept(0), machine.Kept(1)]);
        Assert.Equal([level == 3 ? TinyKernel.TrapStack - 20 : TinyKernel.Stack - 12, 0x1357u, 0x2468u], [
            machine.Kept(5), machine.Kept(6), machine.Kept(7)]);
        if (level == 3)
        {
            Assert.Equal([TinyKernel.UserStack, 0x7Bu], [machine.Kept(3), machine.Kept(4)]);
        }
    }

    [Theory]
    [InlineData(13)]
    [InlineData(14)]
    public void SoftwareInterrupt_OntoAFaultOfTheHost_IsNoSuchFault(byte vector)
    {
        // From the kernel: CLI stands behind it, which would be emulated if this passed for a fault of that instruction; and no page
        // fault is looked for. It is #GP with the vector's code.
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(13, "fault");
        kernel.Gate(14, "page", level: 3);
        kernel.Mark("at");
        kernel.Code.@int(vector);
        kernel.Code.cli();
        kernel.Mark("page");
        kernel.Code.hlt();
        kernel.Mark("fault");
        kernel.KeepStack(0, 2);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal([(vector * 8u) | 2, kernel.Addresses["at"]], [machine.Kept(0), machine.Kept(1)]);
    }

    private static TinyMachine Machine(Action<TinyKernel> write) => TinyMachine.Of(k =>
    {
        k.Init();
        write(k);
        k.ShutDown();
    });

    private static TinyMachine Running(Action<TinyKernel> write)
    {
        TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            write(k);
            k.Spin("here");
        });
        Assert.Equal(GuestStopReason.Budget, machine.Run(20_000).Reason);
        return machine;
    }
}
