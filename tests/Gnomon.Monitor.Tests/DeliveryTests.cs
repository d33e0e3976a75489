using Gnomon.Memory;
using Gnomon.Monitor.Tests.Fixture;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>How the host enters the guest's handlers.</summary>
public sealed class DeliveryTests
{
    private const uint Top = TinyKernel.TrapStack;

    // CF PF AF ZF SF OF.
    private const uint Status = 0x8D5;

    [Theory]
    [InlineData(0u, 0x002u)]
    [InlineData(0x200u, 0x202u)]
    public void FromLevel3_TheStackIsHypercall7s_AndIfIsTheGuests(uint enabled, uint flags)
    {
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(6, "handler");
        kernel.Code.mov(__dword_ptr[TinyKernel.Data], enabled);
        kernel.GoToUser("user");
        kernel.Mark("user");
        kernel.Code.ud2();
        kernel.Mark("handler");
        kernel.Keep(5, esp);
        kernel.KeepStack(0, 5);
        kernel.Code.mov(eax, ss);
        kernel.Keep(6, eax);
        kernel.Code.mov(eax, cs);
        kernel.Keep(7, eax);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();

        // The flags of a fault's frame have RF (Intel SDM vol. 3, 17.3.1.1).
        Assert.Equal([kernel.Addresses["user"], 0x73u, flags, TinyKernel.UserStack, 0x7Bu], [
            machine.Kept(0), machine.Kept(1), machine.Kept(2) & ~0x1_0000u, machine.Kept(3), machine.Kept(4)]);
        Assert.Equal([Top - 20, 0x69u, 0x61u], [machine.Kept(5), machine.Kept(6), machine.Kept(7)]);
    }

    [Fact]
    public void FromLevel1_TheStackIsTheKernels()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.SetStack();
        kernel.Gate(6, "handler");
        kernel.Mark("bad");
        kernel.Code.ud2();
        kernel.Mark("handler");
        kernel.Keep(3, esp);
        kernel.KeepStack(0, 3);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal([kernel.Addresses["bad"], 0x61u, 0x002u, TinyKernel.Stack - 12], [
            machine.Kept(0), machine.Kept(1), machine.Kept(2) & ~0x1_0000u & ~Status, machine.Kept(3)]);
    }

    [Theory]
    [InlineData(6, -1L)]
    [InlineData(0, -1L)]
    [InlineData(5, -1L)]
    [InlineData(3, -1L)]
    [InlineData(4, -1L)]
    [InlineData(16, -1L)]
    [InlineData(10, 0L)]
    [InlineData(11, 0xA0L)]
    [InlineData(12, 0xA0L)]
    [InlineData(13, 0xA8L)]
    [InlineData(14, 2L)]
    [InlineData(17, 0L)]
    public void ErrorCode_IsPushedWhereTheVectorHasOne(int vector, long code)
    {
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(vector, "handler", level: 3);

        // 20: a writable data segment of level 1 that is not present. 21 has nothing in it.
        kernel.Call(18, 20, 0x0000_FFFF, 0x00CF_3200);
        bool user = vector == 17;
        if (user)
        {
            kernel.GoToUser("bad");
        }

        kernel.Mark("bad");
        Raise(kernel.Code, vector);
        kernel.Mark("handler");
        kernel.KeepStack(0, 3);
        kernel.Keep(3, esp);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.Write32(0x7000, 20);
        machine.RunToShutdown();
        int at = code < 0 ? 0 : 1;
        if (code >= 0)
        {
            Assert.Equal((uint)code, machine.Kept(0));
        }

        Assert.InRange(machine.Kept(at), kernel.Addresses["bad"], kernel.Addresses["handler"]);
        Assert.Equal(user ? 0x73u : 0x61u, machine.Kept(at + 1));
    }

    [Fact]
    public void Flags_TfAndNtAreOffInTheHandler()
    {
        // A traced user with NT set: its #DB is delivered, and the handler is not traced itself.
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(1, "debug");
        kernel.GoToUser("user", eflags: 0x4302);
        kernel.Mark("user");
        kernel.Code.nop();
        kernel.Mark("behind");
        kernel.Code.nop();
        kernel.Mark("debug");
        kernel.Code.pushfd();
        kernel.Code.pop(eax);
        kernel.Keep(0, eax);
        kernel.KeepStack(1, 3);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal([0x202u, kernel.Addresses["behind"], 0x73u, 0x4102u], [machine.Kept(0), machine.Kept(1), machine.Kept(2), machine.Kept(3)]);
    }

    [Fact]
    public void Flags_RfIsOffInTheHandler()
    {
        // RF goes with the first instruction: it must be seen before that.
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(6, "handler");
        kernel.Code.ud2();
        kernel.Mark("handler");
        kernel.Call(10);
        using TinyMachine machine = new(kernel);
        for (int i = 0; machine.Guest.Registers.Eip != kernel.Addresses["handler"]; i++)
        {
            Assert.True(i < 1000);
            machine.Guest.Run(1);
        }

        Assert.Equal(0x202u, machine.Guest.Registers.Eflags & ~Status);
        Assert.Equal(0x1_0002u, machine.Read32(TinyKernel.Stack - 4) & ~Status);
    }

    [Theory]
    [InlineData(0xE, 0u)]
    [InlineData(0xF, 0x200u)]
    public void AnInterruptGate_DisablesInterrupts(int type, uint enabled)
    {
        // Above 31 no gate is direct, so that a trap gate is seen here too.
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(40, "handler", type, level: 1);
        kernel.Enable();
        kernel.Spin("here");
        kernel.Mark("handler");
        kernel.Code.mov(eax, __dword_ptr[TinyKernel.Data]);
        kernel.Keep(0, eax);
        kernel.KeepStack(1, 3);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.Guest.Interrupts.Raise(8);
        machine.RunToShutdown();
        Assert.Equal(enabled, machine.Kept(0));
        Assert.Equal(0x202u, machine.Kept(3) & ~Status);
    }

    [Theory]
    [InlineData(false, 0x1_4008u)]
    [InlineData(true, 0x1_4008u)]
    [InlineData(false, 0x1_4006u)]
    [InlineData(true, 0x1_4003u)]
    public void EachWord_IsTranslatedByItself(bool pae, uint top)
    {
        // The stack crosses from one page to another that lies elsewhere; also in the middle of a word.
        const uint Lower = 0x38_0000;
        const uint Upper = 0x36_0000;
        TinyKernel kernel = new();
        kernel.Init();
        kernel.LoadTables();
        kernel.LoadUserSegments();
        kernel.Call(7, 0x69, top, 2);
        kernel.Gate(6, "handler");
        kernel.GoToUser("user");
        kernel.Mark("user");
        kernel.Code.ud2();
        kernel.Mark("handler");
        kernel.KeepStack(0, 5);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel, pae);
        machine.WriteEntry(0x1_3000, Lower | TinyMachine.EntryFlags);
        machine.WriteEntry(0x1_4000, Upper | TinyMachine.EntryFlags);
        machine.RunToShutdown();
        byte[] frame = new byte[20];
        int below = 20 - (int)(top & 0xFFF);
        machine.Guest.Memory.Read(new Gpa(Lower + 0x1000 - (uint)below), frame.AsSpan(0, below));
        machine.Guest.Memory.Read(new Gpa(Upper), frame.AsSpan(below));
        uint[] words = [.. Enumerable.Range(0, 5).Select(i => BitConverter.ToUInt32(frame, i * 4))];
        Assert.Equal([kernel.Addresses["user"], 0x73u, 0x1_0002u, TinyKernel.UserStack, 0x7Bu], words);
        Assert.Equal(words, Enumerable.Range(0, 5).Select(machine.Kept));
    }

    [Fact]
    public void TheStacksPage_IsDirtyAndAccessedThen()
    {
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(6, "handler");
        kernel.GoToUser("user");
        kernel.Mark("user");
        kernel.Code.ud2();
        kernel.Mark("handler");
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.WriteEntry(Top - 4096, (Top - 4096) | 0x7);
        machine.RunToShutdown();
        Assert.Equal(0x67u, machine.Read32(machine.EntryAddress(Top - 4096)) & 0xFFF);
    }

    [Theory]
    [InlineData(0x65u)]
    [InlineData(0u)]
    public void AStackThatCannotBeWritten_Kills(uint flags)
    {
        // The kernel's own stack pointer leads to a read-only page, or to none.
        TinyKernel kernel = new();
        kernel.Init();
        kernel.LoadTables();
        kernel.Gate(6, "handler");
        kernel.Code.mov(esp, 0x30_1000);
        kernel.Code.ud2();
        kernel.Mark("handler");
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.WriteEntry(0x30_0000, 0x30_0000 | flags);
        machine.RunToDeath();
    }

    [Fact]
    public void FromLevel3_WithoutAStack_Kills()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.LoadTables();
        kernel.LoadUserSegments();
        kernel.Gate(6, "handler");
        kernel.GoToUser("user");
        kernel.Mark("user");
        kernel.Code.ud2();
        kernel.Mark("handler");
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        Assert.Contains("stack", machine.RunToDeath(), StringComparison.Ordinal);
    }

    [Fact]
    public void TheStacksSegment_HasItsBase()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.LoadTables();
        kernel.LoadUserSegments();
        kernel.Call(18, 20, 0x0000_FFFF, 0x00CF_9230);
        kernel.Call(7, (20 * 8) | 1, 0x2000, 0);
        kernel.Gate(6, "handler");
        kernel.GoToUser("user");
        kernel.Mark("user");
        kernel.Code.ud2();
        kernel.Mark("handler");
        kernel.Code.mov(eax, ss);
        kernel.Keep(0, eax);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal((20u * 8) | 1, machine.Kept(0));
        Assert.Equal(kernel.Addresses["user"], machine.Read32(0x30_0000 + 0x2000 - 20));
        Assert.Equal(0x7Bu, machine.Read32(0x30_0000 + 0x2000 - 4));
    }

    // One instruction, or a few, that raises the vector.
    private static void Raise(Assembler code, int vector)
    {
        switch (vector)
        {
            case 0:
                code.xor(ecx, ecx);
                code.div(ecx);
                break;
            case 3:
                code.int3();
                break;
            case 4:
                code.mov(eax, 0x7FFF_FFFF);
                code.inc(eax);
                code.into();
                break;
            case 5:
                code.mov(eax, 21);
                code.mov(__dword_ptr[0x7000], 1);
                code.mov(__dword_ptr[0x7004], 20);
                code.bound(eax, __qword_ptr[0x7000]);
                break;
            case 6:
                code.ud2();
                break;
            case 10:
                // IRET of a nested task: the task state's back link is empty (Intel SDM vol. 3, 7.4).
                code.push(0x4002);
                code.popfd();
                code.iretd();
                break;
            case 11:
                code.mov(eax, (20 * 8) | 1);
                code.mov(gs, ax);
                break;
            case 12:
                code.mov(eax, (20 * 8) | 1);
                code.mov(ss, ax);
                break;
            case 13:
                code.mov(eax, (21 * 8) | 1);
                code.mov(gs, ax);
                break;
            case 14:
                code.mov(__dword_ptr[0x5000_0000], eax);
                break;
            case 16:
                code.fninit();
                code.push(0x33B);
                code.fldcw(__word_ptr[esp]);
                code.fldz();
                code.fld1();
                code.fdivrp(st1, st0);
                code.wait();
                break;
            default:
                code.pushfd();
                code.or(__dword_ptr[esp], 1 << 18);
                code.popfd();
                code.mov(eax, __dword_ptr[0x7001]);
                break;
        }

        code.nop();
    }
}
