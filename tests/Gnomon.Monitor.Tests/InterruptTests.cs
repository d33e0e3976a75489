using Gnomon.Monitor.Tests.Fixture;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>Interrupts 0 … 31 at vectors 32 … 63: which one, when, and what the data page says meanwhile.</summary>
public sealed class InterruptTests
{
    private const uint Blocked = TinyKernel.Data + 4;
    private const uint Pending = TinyKernel.Data + 20;

    [Fact]
    public void TheLowest_ComesFirst()
    {
        TinyKernel kernel = new();
        kernel.Init();
        foreach (int number in (ReadOnlySpan<int>)[0, 3, 7, 31])
        {
            kernel.Gate(32 + number, $"irq{number}");
        }

        kernel.Code.mov(edi, TinyKernel.Results);
        kernel.Call(10);
        kernel.Mark("idle");
        kernel.Code.jmp(kernel.At("idle"));
        foreach (int number in (ReadOnlySpan<int>)[0, 3, 7, 31])
        {
            kernel.Mark($"irq{number}");
            kernel.Code.mov(__dword_ptr[edi], number + 100);
            kernel.Code.add(edi, 4);
            kernel.Enable();
            kernel.Code.iretd();
        }

        using TinyMachine machine = new(kernel);
        machine.RunToHalt();
        foreach (int number in (ReadOnlySpan<int>)[31, 7, 0, 3])
        {
            machine.Guest.Interrupts.Raise(number);
        }

        machine.Run(10_000);
        Assert.Equal([100u, 103u, 107u, 131u, 0u], [machine.Kept(0), machine.Kept(1), machine.Kept(2), machine.Kept(3), machine.Kept(4)]);
        Assert.Equal(4, machine.Guest.Statistics.Interrupts);
    }

    [Fact]
    public void Blocked_WaitsUntilUnblocked_WhileOthersCome()
    {
        TinyKernel kernel = Counting(1, 2);
        kernel.Code.mov(__dword_ptr[Blocked], 1 << 1);
        kernel.Enable();
        kernel.Mark("wait");
        kernel.Code.cmp(__dword_ptr[TinyKernel.Results + 8], 0);
        kernel.Code.je(kernel.At("wait"));
        kernel.Code.mov(eax, __dword_ptr[TinyKernel.Results + 4]);
        kernel.Keep(10, eax);
        kernel.Code.mov(__dword_ptr[Blocked], 0);
        kernel.Spin("rest");
        Handlers(kernel, 1, 2);
        using TinyMachine machine = new(kernel);
        machine.Guest.Interrupts.Raise(1);
        machine.Guest.Interrupts.Raise(2);
        machine.Run(100_000);
        Assert.Equal([0u, 1u, 1u], [machine.Kept(10), machine.Kept(1), machine.Kept(2)]);
    }

    [Fact]
    public void Disabled_IsAnnounced_AndComesWhenAskedFor()
    {
        TinyKernel kernel = Counting(4);
        kernel.Mark("wait");
        kernel.Code.cmp(__dword_ptr[Pending], 0);
        kernel.Code.je(kernel.At("wait"));
        kernel.Code.mov(eax, __dword_ptr[Pending]);
        kernel.Keep(10, eax);
        kernel.Code.mov(eax, __dword_ptr[TinyKernel.Results + 16]);
        kernel.Keep(11, eax);
        kernel.Enable();
        kernel.Call(19);
        kernel.Code.mov(eax, __dword_ptr[TinyKernel.Results + 16]);
        kernel.Keep(12, eax);
        kernel.Code.mov(eax, __dword_ptr[Pending]);
        kernel.Keep(13, eax);
        kernel.ShutDown();
        Handlers(kernel, 4);
        using TinyMachine machine = new(kernel);
        machine.Guest.Run(300);
        machine.Guest.Interrupts.Raise(4);
        machine.RunToShutdown();
        Assert.Equal([0x200u, 0u, 1u, 0u], [machine.Kept(10), machine.Kept(11), machine.Kept(12), machine.Kept(13)]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Enabled_WithoutAskingTheHost_ItComesSoon(bool blocked)
    {
        // The guest's return path writes irq_enabled and does IRET, without a call; unblocking is a store, too. Then it computes and
        // never traps: the interrupt must come all the same.
        TinyKernel kernel = Counting(4);
        if (blocked)
        {
            kernel.Code.mov(__dword_ptr[Blocked], 1 << 4);
            kernel.Enable();
        }

        kernel.Code.mov(ecx, 3000);
        kernel.Mark("busy");
        kernel.Code.dec(ecx);
        kernel.Code.jne(kernel.At("busy"));
        kernel.Count(20);
        kernel.Code.mov(__dword_ptr[Blocked], 0);
        kernel.Enable();
        kernel.Spin("compute");
        Handlers(kernel, 4);
        using TinyMachine machine = new(kernel);
        machine.Guest.Run(1000);
        machine.Guest.Interrupts.Raise(4);
        machine.Guest.Run(1000);
        Assert.Equal([0u, 0u], [machine.Kept(20), machine.Kept(4)]);
        machine.Guest.Run(100_000);
        Assert.Equal([1u, 1u], [machine.Kept(20), machine.Kept(4)]);
    }

    [Fact]
    public void WithoutAGate_ItStays_AndNothingDies()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Enable();
        kernel.Call(0);
        kernel.Code.mov(ecx, 3000);
        kernel.Mark("busy");
        kernel.Code.dec(ecx);
        kernel.Code.jne(kernel.At("busy"));
        kernel.Count(10);
        kernel.Gate(32 + 9, "irq9");
        kernel.Mark("missed");
        kernel.Code.ud2();
        Handlers(kernel, 9);
        using TinyMachine machine = new(kernel);
        machine.Guest.Interrupts.Raise(9);
        machine.Guest.Run(9000);
        machine.Guest.Run(100_000);
        Assert.Equal([1u, 1u], [machine.Kept(10), machine.Kept(9)]);
    }

    [Fact]
    public void IrqPending_IsClearedWithTheLast()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(32 + 5, "irq5");
        kernel.Gate(32 + 6, "irq6");
        kernel.Mark("wait");
        kernel.Call(0);
        kernel.Code.cmp(__dword_ptr[Pending], 0);
        kernel.Code.je(kernel.At("wait"));
        kernel.Enable();
        kernel.Call(19);
        kernel.Code.ud2();
        kernel.Mark("irq5");
        kernel.Code.mov(eax, __dword_ptr[Pending]);
        kernel.Keep(0, eax);
        kernel.Enable();
        kernel.Call(19);
        kernel.Code.ud2();
        kernel.Mark("irq6");
        kernel.Code.mov(eax, __dword_ptr[Pending]);
        kernel.Keep(1, eax);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.Guest.Run(300);
        machine.Guest.Interrupts.Raise(5);
        machine.Guest.Interrupts.Raise(6);
        machine.RunToShutdown();
        Assert.Equal([0x200u, 0u], [machine.Kept(0), machine.Kept(1)]);
    }

    [Fact]
    public void IrqPending_IsCleared_WhenTheDeviceTakesItBack()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(32 + 5, "irq5");
        kernel.Mark("wait");
        kernel.Call(0);
        kernel.Code.jmp(kernel.At("wait"));
        kernel.Mark("irq5");
        kernel.Code.ud2();
        using TinyMachine machine = new(kernel);
        machine.Guest.Interrupts.Raise(5);
        machine.Guest.Run(1000);
        Assert.Equal(0x200u, machine.Read32(Pending));
        machine.Guest.Interrupts.Lower(5);
        machine.Guest.Run(1000);
        Assert.Equal(0u, machine.Read32(Pending));
    }

    [Fact]
    public void InTheMiddleOfLevel3_ItComesAtOnce()
    {
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(32 + 1, "irq");
        kernel.Enable();
        kernel.GoToUser("user");
        kernel.Spin("user");
        kernel.Mark("irq");
        kernel.KeepStack(0, 5);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.Guest.Run(2000);
        machine.Guest.Interrupts.Raise(1);
        machine.RunToShutdown(200);
        Assert.Equal([kernel.Addresses["user"], 0x73u, 0x202u, TinyKernel.UserStack, 0x7Bu], [
            machine.Kept(0), machine.Kept(1), machine.Kept(2), machine.Kept(3), machine.Kept(4)]);
    }

    [Theory]
    [InlineData(0x202u, 0x202u)]
    [InlineData(0x3002u, 0x202u)]
    [InlineData(0x4_0CD7u, 0x4_0ED7u)]
    [InlineData(0x2_4102u, 0x202u)]
    public void AtTheLoneIret_ItIsTakenAsDone(uint image, uint flags)
    {
        // Nothing is pushed; EFLAGS is the image's with IOPL 0 and IF on, and TF VM NT off as in each handler.
        TinyKernel kernel = LoneIret(image);
        kernel.Mark("irq");
        kernel.Code.pushfd();
        kernel.Keep(8, esp);
        kernel.Code.pop(eax);
        kernel.Keep(3, eax);
        kernel.KeepStack(0, 3);
        kernel.Code.mov(eax, __dword_ptr[TinyKernel.Data]);
        kernel.Keep(4, eax);
        kernel.ShutDown();
        using TinyMachine machine = At(kernel, "lone");
        machine.Guest.Interrupts.Raise(2);
        machine.RunToShutdown();
        Assert.Equal([kernel.Addresses["target"], 0x61u, image], [machine.Kept(0), machine.Kept(1), machine.Kept(2)]);
        Assert.Equal(flags, machine.Kept(3));
        Assert.Equal(TinyKernel.Stack - 16, machine.Kept(8));
        Assert.Equal(0u, machine.Kept(4));
    }

    [Fact]
    public void BesideTheLoneIret_ItIsPushed()
    {
        TinyKernel kernel = LoneIret(0x3002);
        kernel.Mark("irq");
        kernel.KeepStack(0, 3);
        kernel.ShutDown();
        using TinyMachine machine = At(kernel, "before");
        machine.Guest.Interrupts.Raise(2);
        machine.RunToShutdown();
        Assert.Equal([kernel.Addresses["before"], 0x61u, 0x202u], [machine.Kept(0), machine.Kept(1), machine.Kept(2) & ~0x8D5u]);
    }

    [Fact]
    public void ATrapOfTheLoneIret_IsPushedLikeAnyOther()
    {
        // It returns to a selector past the table: #GP with that selector.
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(13, "fault");
        kernel.Load(eax, "lone");
        kernel.Code.mov(__dword_ptr[TinyKernel.Data + 1376], eax);
        kernel.Code.push(0x202);
        kernel.Code.push(0x1C1);
        kernel.Code.push(0x1234);
        kernel.Mark("lone");
        kernel.Code.iretd();
        kernel.Mark("fault");
        kernel.KeepStack(0, 7);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.Guest.Run(1);

        // Init reads the address: it must be there before.
        machine.Write32(TinyKernel.Data + 1376, kernel.Addresses["lone"]);
        machine.RunToShutdown();
        Assert.Equal([0x1C0u, kernel.Addresses["lone"], 0x61u, 0x1234u, 0x1C1u, 0x202u], [
            machine.Kept(0), machine.Kept(1), machine.Kept(2), machine.Kept(4), machine.Kept(5), machine.Kept(6)]);
    }

    private static TinyKernel LoneIret(uint image)
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(32 + 2, "irq");
        kernel.Code.push((int)image);
        kernel.Code.push(0x61);
        kernel.Load(eax, "target");
        kernel.Code.push(eax);
        kernel.Enable();
        kernel.Mark("before");
        kernel.Code.nop();
        kernel.Mark("lone");
        kernel.Code.iretd();
        kernel.Mark("target");
        kernel.Code.ud2();
        return kernel;
    }

    // Stopped before the instruction at the mark.
    private static TinyMachine At(TinyKernel kernel, string mark)
    {
        TinyMachine machine = new(kernel);
        machine.Write32(TinyKernel.Data + 1376, kernel.Addresses["lone"]);
        for (int i = 0; machine.Guest.Registers.Eip != kernel.Addresses[mark]; i++)
        {
            Assert.True(i < 1000);
            machine.Guest.Run(1);
        }

        return machine;
    }

    private static TinyKernel Counting(params ReadOnlySpan<int> numbers)
    {
        TinyKernel kernel = new();
        kernel.Init();
        foreach (int number in numbers)
        {
            kernel.Gate(32 + number, $"irq{number}");
        }

        return kernel;
    }

    private static void Handlers(TinyKernel kernel, params ReadOnlySpan<int> numbers)
    {
        foreach (int number in numbers)
        {
            kernel.Mark($"irq{number}");
            kernel.Count(number);
            kernel.Enable();
            kernel.Code.iretd();
        }
    }
}
