using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Tests.Events;

/// <summary>Hardware task switches (Intel SDM vol. 3, ch. 7).</summary>
public sealed class EventsTaskTests
{
    private const uint OtherCode = 0x1_8000;
    private const uint NestedTask = 1 << 14;
    private const uint TaskSwitched = 8;

    [Fact]
    public void CallAndIret_GoToTheOtherTaskAndBack()
    {
        using EventsFixture f = Fixture();
        f.Assemble(EventsFixture.Code, a => a.db(0x9A, 0, 0, 0, 0, (byte)EventsFixture.OtherTaskSelector, 0));
        f.Assemble(OtherCode, a => a.iretd());
        f.R[GeneralRegister.Ebx] = 0x1111;
        f.R.Eflags = 0x202;
        string before = f.State();

        // The switch costs one more: its second half is done between instructions.
        f.Run(2);
        Assert.Equal((OtherCode, 0x2222u, EventsFixture.OtherStack, NestedTask | 0x246), (f.R.Eip, f.R[GeneralRegister.Ebx], f.R[GeneralRegister.Esp], f.R.Eflags));
        Assert.Equal(TaskSwitched, f.R.Cr0 & TaskSwitched);
        Assert.Equal((EventsFixture.OtherTaskSelector, (ushort)0x8B), (f.R.Task.Selector, f.R.Task.Access));
        Assert.Equal(EventsFixture.TaskSelector, f.Word(EventsFixture.OtherTask));
        Assert.Equal((0x8B, 0x8B), (TypeOf(f, EventsFixture.TaskSelector), TypeOf(f, EventsFixture.OtherTaskSelector)));
        Assert.Equal((EventsFixture.Code + 7, 0x1111u), (f.Dword(EventsFixture.Task + 0x20), f.Dword(EventsFixture.Task + 0x34)));

        f.Run(2);
        Assert.Equal((0x8B, 0x89), (TypeOf(f, EventsFixture.TaskSelector), TypeOf(f, EventsFixture.OtherTaskSelector)));
        Assert.Equal(0x246u, f.Dword(EventsFixture.OtherTask + 0x24));
        Assert.Equal(OtherCode + 1, f.Dword(EventsFixture.OtherTask + 0x20));
        Assert.Equal(EventsFixture.Code + 7, f.R.Eip);
        f.R.Eip = EventsFixture.Code;
        f.R.Cr0 = 0x11;
        Assert.Equal(before, f.State());
    }

    [Fact]
    public void Jump_LeavesTheOldTaskFree_AndSetsTheTrapOfTheNewOne()
    {
        using EventsFixture f = Fixture();
        f.SetGate(Vector.Debug, EventsFixture.KernelCode, EventsFixture.Handlers, 0x8E);
        f.SetWord(EventsFixture.OtherTask + 0x64, 1);
        f.Assemble(EventsFixture.Code, a => a.db(0xEA, 0, 0, 0, 0, (byte)EventsFixture.OtherTaskSelector, 0));
        f.Run(3);
        Assert.Equal((0x89, 0x8B), (TypeOf(f, EventsFixture.TaskSelector), TypeOf(f, EventsFixture.OtherTaskSelector)));
        Assert.Equal(0xFFFF_8FF0u, f.R.Dr6);
        Assert.Equal([OtherCode, EventsFixture.KernelCode, 0x246], f.Top(3));
    }

    [Fact]
    public void TaskGate_PushesTheErrorCodeOnTheNewStack()
    {
        using EventsFixture f = Fixture();
        f.SetGate(Vector.GeneralProtection, EventsFixture.OtherTaskSelector, 0, 0x85);
        f.Processor.InjectFault(Vector.GeneralProtection, 0x58);
        f.Run(1);
        Assert.Equal((OtherCode, EventsFixture.OtherStack - 4), (f.R.Eip, f.R[GeneralRegister.Esp]));
        Assert.Equal(0x58u, f.Dword(EventsFixture.OtherStack - 4));
        Assert.Equal(EventsFixture.Code, f.Dword(EventsFixture.Task + 0x20));
        Assert.Equal(NestedTask, f.R.Eflags & NestedTask);
    }

    [Fact]
    public void BadSegmentOfTheNewTask_FaultsInIt()
    {
        using EventsFixture f = Fixture();
        f.SetGate(Vector.InvalidTss, EventsFixture.KernelCode, EventsFixture.Handlers, 0x8E);
        f.SetWord(EventsFixture.OtherTask + 0x58, EventsFixture.OtherTaskSelector);
        f.Assemble(EventsFixture.Code, a => a.db(0xEA, 0, 0, 0, 0, (byte)EventsFixture.OtherTaskSelector, 0));
        f.Run(2);
        Assert.Equal((EventsFixture.Handlers, EventsFixture.OtherTaskSelector), (f.R.Eip, f.R.Task.Selector));
        Assert.Equal([EventsFixture.OtherTaskSelector, OtherCode, EventsFixture.KernelCode], f.Top(3));
    }

    [Theory]
    [InlineData(0x66u, 0x89, Vector.InvalidTss)]
    [InlineData(0x67u, 0x8B, Vector.GeneralProtection)]
    [InlineData(0x67u, 0x09, Vector.SegmentNotPresent)]
    public void TaskThatCannotBeEntered_FaultsInTheOldOne(uint limit, int access, byte vector)
    {
        using EventsFixture f = Fixture();
        f.SetDescriptor(EventsFixture.OtherTaskSelector, EventsFixture.OtherTask, limit, (uint)access);
        f.SetGate(vector, EventsFixture.KernelCode, EventsFixture.Handlers, 0x8E);
        f.Assemble(EventsFixture.Code, a => a.db(0xEA, 0, 0, 0, 0, (byte)EventsFixture.OtherTaskSelector, 0));
        f.Run(1);
        Assert.Equal((EventsFixture.Handlers, EventsFixture.TaskSelector), (f.R.Eip, f.R.Task.Selector));
        Assert.Equal([EventsFixture.OtherTaskSelector, EventsFixture.Code], f.Top(2));
    }

    [Fact]
    public void OldTaskState_KeepsWords()
    {
        using EventsFixture f = Fixture();
        const uint old = 0x4000;
        f.SetDescriptor(EventsFixture.OldTaskSelector, old, 0x2B, 0x81);
        ushort[] image = [0x9000, 0x0046, 1, 2, 3, 4, 0x7000, 6, 7, 8, EventsFixture.KernelData, EventsFixture.KernelCode, EventsFixture.KernelData, 0];
        for (int i = 0; i < image.Length; i++)
        {
            f.SetWord(old + 0x0E + ((uint)i * 2), image[i]);
        }

        f.Assemble(EventsFixture.Code, a => a.db(0x9A, 0, 0, 0, 0, (byte)EventsFixture.OldTaskSelector, 0));
        f.Assemble(0x9000, a => a.iretd());
        f.Run(2);
        Assert.Equal((0x9000u, NestedTask | 0x46), (f.R.Eip, f.R.Eflags));
        Assert.Equal((1u, 4u, 0x7000u), (f.R[GeneralRegister.Eax] & 0xFFFF, f.R[GeneralRegister.Ebx] & 0xFFFF, f.R[GeneralRegister.Esp] & 0xFFFF));
        Assert.Equal(default, f.R.Segment(SegmentName.Gs));
        f.Run(2);
        Assert.Equal((EventsFixture.Code + 7, EventsFixture.TaskSelector), (f.R.Eip, f.R.Task.Selector));
        Assert.Equal((0x9001, 0x46), (f.Word(old + 0x0E), f.Word(old + 0x10)));
    }

    [Fact]
    public void Monitor_SeesBothControlWrites_AndPageFaultsOfTheSecondHalf()
    {
        using EventsFixture f = Fixture(paging: true, Intercepts.ControlWrite | Intercepts.PageFault);
        f.SetDword(EventsFixture.OtherTask + 0x1C, 0x123_4000);
        f.Assemble(EventsFixture.Code, a => a.db(0x9A, 0, 0, 0, 0, (byte)EventsFixture.OtherTaskSelector, 0));
        CpuExit status = f.Run(10);
        Assert.Equal((CpuExitReason.ControlWrite, 0, TaskSwitched), (status.Reason, status.Register, status.Code));
        Assert.Equal(TaskSwitched, (uint)status.Value & TaskSwitched);
        CpuExit directory = f.Run(10);
        Assert.Equal((CpuExitReason.ControlWrite, 3, 0x123_4000ul), (directory.Reason, directory.Register, directory.Value));

        // The new task's tables do not have the descriptors yet.
        uint entry = EventsFixture.Table + (EventsFixture.Gdt >> 12 << 2);
        f.SetDword(entry, 0);
        f.Processor.FlushTranslations();
        CpuExit fault = f.Run(10);
        Assert.Equal((CpuExitReason.PageFault, EventsFixture.Gdt), (fault.Reason, fault.Address & ~0xFFFu));
        f.SetDword(entry, EventsFixture.Gdt | 7);
        f.Assemble(OtherCode, a => a.mov(eax, esp));
        Assert.Equal(CpuExitReason.Budget, f.Run(2).Reason);
        Assert.Equal((OtherCode + 2, EventsFixture.OtherStack), (f.R.Eip, f.R[GeneralRegister.Eax]));
        Assert.Equal(EventsFixture.KernelData, f.R.Segment(SegmentName.Gs).Selector);
    }

    private static int TypeOf(EventsFixture f, ushort selector) => (int)(f.Dword(EventsFixture.Gdt + selector + 4) >> 8) & 0xFF;

    private static EventsFixture Fixture(bool paging = false, Intercepts intercepts = Intercepts.None)
    {
        EventsFixture f = new(user: false, paging, intercepts);
        uint t = EventsFixture.OtherTask;
        f.SetDword(t + 0x1C, EventsFixture.Directory);
        f.SetDword(t + 0x20, OtherCode);
        f.SetDword(t + 0x24, 0x246);
        f.SetDword(t + 0x34, 0x2222);
        f.SetDword(t + 0x38, EventsFixture.OtherStack);
        for (uint segment = 0; segment < 6; segment++)
        {
            f.SetWord(t + 0x48 + (segment * 4), segment == 1 ? EventsFixture.KernelCode : EventsFixture.KernelData);
        }

        return f;
    }
}
