using Gnomon.Monitor.Tests.Fixture;
using Gnomon.Shadow;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests.Unmodified;

/// <summary>Device windows and ports as an unmodified guest uses them, through its own page tables.</summary>
public sealed class DeviceTests
{
    /// <summary>Linear addresses, mapped to the two devices, behind each the open bus.</summary>
    private const uint Device = 0x10_0000;
    private const uint Hole = 0x11_0000;

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Window_EveryForm_IsAskedOnceForEachAccess(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(ebx, __dword_ptr[Device + 4]);
            p.Say(ebx);
            p.Code.mov(__word_ptr[Device + 8], 0x1234);
            p.Code.xor(__byte_ptr[Device + 1], 0x0F);
            p.Code.mov(ebx, 0xAABB_CCDD);
            p.Code.xchg(__dword_ptr[Device + 0x10], ebx);
            p.Say(ebx);
            p.Code.mov(edi, Device + 0xFF8);
            p.Code.mov(eax, 0x0102_0304);
            p.Code.mov(ecx, 3);
            p.Code.rep.stosd();
            p.Off();
        }, pae, Map);

        uint[] said = pc.RunToEnd();
        Assert.Equal([0x1111_1111, 0x3333_3333], said);
        Seen[] expected =
        [
            new(false, 4, 4, 0x1111_1111), new(true, 8, 2, 0x1234), new(false, 1, 1, 0x22), new(true, 1, 1, 0x2D),
            new(false, 0x10, 4, 0x3333_3333), new(true, 0x10, 4, 0xAABB_CCDD),
            new(true, 0xFF8, 4, 0x0102_0304), new(true, 0xFFC, 4, 0x0102_0304), new(true, 0x1000, 4, 0x0102_0304),
        ];
        Assert.Equal(expected, pc.Device.Accesses);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Window_FromDeviceToDevice_EachElementIsReadAndWritten(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(esi, Device);
            p.Code.mov(edi, Hole);
            p.Code.mov(ecx, 2);
            p.Code.rep.movsd();
            p.Code.mov(esi, Device + 0x40);
            p.Code.mov(edi, Device + 0x80);
            p.Code.movsb();
            p.Off();
        }, pae, Map);

        pc.RunToEnd();
        Seen[] device = [new(false, 0, 4, 0x1111_1111), new(false, 4, 4, 0x2222_2222), new(false, 0x40, 1, 0x33), new(true, 0x80, 1, 0x33)];
        Seen[] hole = [new(true, 0, 4, 0x1111_1111), new(true, 4, 4, 0x2222_2222)];
        Assert.Equal(device, pc.Device.Accesses);
        Assert.Equal(hole, pc.Hole.Accesses);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Window_AccessAcrossItsPage_GoesToMemoryAndDevice(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(__dword_ptr[Device - 2], 0x4433_2211);
            p.Code.mov(ebx, __dword_ptr[Device - 2]);
            p.Say(ebx);
            p.Code.add(__dword_ptr[Device - 1], 0x100);
            p.Off();
        }, pae, Map);

        Assert.Equal([0x1111_2211], pc.RunToEnd());
        Assert.Equal(0x2211u, pc.Read32(Device - 4) >> 16);
        Assert.Equal([0x4433, 0x1111], pc.Device.Accesses.Take(2).Select(access => access.Value));

        // The third access has three bytes: they come as two and one.
        Assert.Equal(3, pc.Device.Accesses.Where(access => access.IsWrite).Skip(1).Sum(access => access.Size));
        Assert.All(pc.Device.Accesses, access => Assert.InRange(access.Offset, 0, 2));
    }

    // What may be read may still not be written, by an instruction that does both in one page.
    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Window_MappedReadOnly_IsReadAndNeverWritten(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(esi, Device);
            p.Code.mov(edi, Device + 0x20);
            p.Try("refused", c => c.movsd());
            p.Off();
        }, pae, pc => pc.Tables.Map(Device, SmallPc.Window, 5));

        Assert.Equal(pc.Fault(14, "refused", 3, Device + 0x20), pc.RunToEnd());
        Assert.DoesNotContain(pc.Device.Accesses, access => access.IsWrite);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Window_OfTheKernel_IsNoUsersBusiness(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(ebx, __dword_ptr[Device]);
            p.GoToUser("user");
            p.Mark("user");
            p.Load(ebp, "end");
            p.Mark("refused");
            p.Code.mov(ebx, __dword_ptr[Device]);
            p.Mark("end");
            p.Code.jmp(p.At("end"));
        }, pae, pc => pc.Tables.Map(Device, SmallPc.Window, 3));

        Assert.Equal(GuestStopReason.Budget, pc.Run(2_000).Reason);
        Assert.Equal(pc.Fault(14, "refused", 5, Device), pc.Said);
        Assert.Single(pc.Device.Accesses);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Hole_InsideMemory_BelongsToTheDeviceWithPagingOffAndOn(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.SayAt(SmallPc.HoleAddress);
            p.Store(SmallPc.HoleAddress + 4, 0x77);
            p.PagingOn(pae);
            p.SayAt(SmallPc.HoleAddress);
            p.Store(SmallPc.HoleAddress + 8, 0x88);

            // The rest of the hole is an open bus, and so is all beyond memory.
            p.SayAt(SmallPc.HoleAddress + 0x2000);
            p.Store(SmallPc.HoleAddress + 0x2000, 1);
            p.SayAt(SmallPc.HoleAddress + 0x2000);
            p.SayAt(Device + 0x2000);
            p.Store(Device + 0x2000, 2);
            p.SayAt(Device + 0x2000);
            p.PagingOff();
            p.SayAt(SmallPc.Window + 0x2000);
            p.SayAt(0xFFFF_FFF0);
            p.Off();
        }, pae, Map);

        const uint none = uint.MaxValue;
        Assert.Equal([0x1111_1111, 0x2222_2222, none, none, none, none, none, none], pc.RunToEnd());
        Assert.Equal([4, 8], pc.Hole.Accesses.Where(access => access.IsWrite).Select(access => access.Offset));
    }

    [Theory]
    [MemberData(nameof(SmallPc.Shadowed), MemberType = typeof(SmallPc))]
    public void Execution_InAWindow_KillsWithOneSentence(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(ebx, Device + 0x10);
            p.Code.jmp(ebx);
        }, pae, Map);

        GuestStop stop = pc.Run();
        Assert.Equal(GuestStopReason.Killed, stop.Reason);
        Assert.StartsWith("the guest executes at 0x100010, where there is no memory", stop.Text, StringComparison.Ordinal);
        Assert.Contains("500010", stop.Text, StringComparison.Ordinal);
        Assert.Equal(stop, pc.Guest.Run(1));
    }

    // The first byte of MOV EBX, constant is the last of a page of memory; what follows would lie in a device.
    [Theory]
    [MemberData(nameof(SmallPc.Shadowed), MemberType = typeof(SmallPc))]
    public void Execution_IntoAWindow_KillsWithOneSentence(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(__byte_ptr[Device - 1], 0xBB);
            p.Code.mov(ebx, Device - 1);
            p.Code.jmp(ebx);
        }, pae, Map);

        GuestStop stop = pc.Run();
        Assert.Equal(GuestStopReason.Killed, stop.Reason);
        Assert.StartsWith("the guest executes at 0x100000, where there is no memory", stop.Text, StringComparison.Ordinal);
    }

    // Nearly the same: the instruction ends with its page and reads the next one, which is a device.
    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Read_OfAWindowBehindTheInstruction_IsNoExecution(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);

            // MOV EBX, [ECX]; MOV EDX, [ECX]; JMP EDI: the page ends with them.
            p.Store(Device - 6, 0x118B_198B);
            p.Code.mov(__word_ptr[Device - 2], 0xE7FF);
            p.Code.mov(ecx, Device);
            p.Load(edi, "back");
            p.Code.mov(eax, Device - 6);
            p.Code.jmp(eax);
            p.Mark("back");
            p.Say(ebx);
            p.Say(edx);
            p.Off();
        }, pae, Map);

        Assert.Equal([0x1111_1111, 0x2222_2222], pc.RunToEnd());
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Ports_StringForms_UseTheGuestsMapping(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Store(0x9000, 0xA1A2_A3A4);
            p.Code.mov(edx, SmallPc.FirstPort + 4);
            p.Code.mov(esi, 0x9000);
            p.Code.mov(ecx, 2);
            p.Code.rep.outsw();
            p.Code.mov(edi, 0x4_0FFE);
            p.Code.mov(ecx, 2);
            p.Code.rep.insw();
            p.Code.@in(eax, dx);
            p.Say(eax);
            p.Code.mov(al, 0x5A);
            p.Code.@out(dx, al);

            // From port to device, and from device to port.
            p.Code.mov(edi, Device);
            p.Code.insb();
            p.Code.mov(esi, Device + 4);
            p.Code.outsd();
            p.Off();
        }, pae, pc =>
        {
            Map(pc);
            pc.Tables.Map(0x4_0000, 0x5_0000, SmallTables.Open);
            pc.Tables.Map(0x4_1000, 0x7_0000, SmallTables.Open);
        });

        Assert.Equal([0x3333_3333], pc.RunToEnd());
        Assert.Equal((0x1111u, 0x2222u), (pc.Read32(0x5_0FFC) >> 16, pc.Read32(0x7_0000) & 0xFFFF));
        Seen[] ports =
        [
            new(true, 4, 2, 0xA3A4), new(true, 4, 2, 0xA1A2), new(false, 4, 2, 0x1111), new(false, 4, 2, 0x2222),
            new(false, 4, 4, 0x3333_3333), new(true, 4, 1, 0x5A), new(false, 4, 1, 0x44), new(true, 4, 4, 0x1111_1111),
        ];
        Seen[] device = [new(true, 0, 1, 0x44), new(false, 4, 4, 0x1111_1111)];
        Assert.Equal(ports, pc.PortDevice.Accesses);
        Assert.Equal(device, pc.Device.Accesses);
    }

    // A page fault in the middle of a string of ports: what was read is not read again.
    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Ports_StringIntoAPageThatIsNotThere_GoesOnWhereItFaulted(PcKind kind, bool pae)
    {
        SmallTables tables = new((_, _) => { }, pae);
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(edx, SmallPc.FirstPort);
            p.Code.mov(edi, 0x4_0FF8);
            p.Code.mov(ecx, 4);
            p.Load(ebp, "again");
            p.Mark("again");
            p.Code.rep.insd();
            p.Off();
            p.Mark("map");
            p.Code.add(esp, 4);
            p.Say(ecx);
            p.Store(tables.Entry(0x4_1000), 0x7_0000 | SmallTables.Open);
            p.Code.iretd();
        }, pae, pc =>
        {
            pc.Tables.Map(0x4_1000, 0, 0);
            pc.Gate(14, "map");
        });

        Assert.Equal([2], pc.RunToEnd());
        Assert.Equal([0x1111_1111, 0x2222_2222, 0x3333_3333, 0x4444_4444],
            new[] { pc.Read32(0x4_0FF8), pc.Read32(0x4_0FFC), pc.Read32(0x7_0000), pc.Read32(0x7_0004) });
        Assert.Equal(4, pc.PortDevice.Accesses.Count);
    }

    private static void Map(SmallPc pc)
    {
        for (uint i = 0; i < 3; i++)
        {
            pc.Tables.Map(Device + (i << 12), SmallPc.Window + (i << 12), SmallTables.Open);
            pc.Tables.Map(Hole + (i << 12), SmallPc.HoleAddress + (i << 12), SmallTables.Open);
        }
    }
}
