using Gnomon.Memory;
using Gnomon.Monitor.Tests.Fixture;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>The fields of the guest's data page, at the offsets that the page gives.</summary>
public sealed class GuestDataTests
{
    private const uint Enabled = 0;
    private const uint Blocked = 4;
    private const uint Cr2 = 8;
    private const uint Seconds = 12;
    private const uint Nanoseconds = 16;
    private const uint Pending = 20;
    private const uint Reserve = 1368;
    private const uint TscKhz = 1372;
    private const uint LoneIret = 1376;
    private const uint KernelAddress = 1380;
    private const uint SyscallVector = 1384;

    [Theory]
    [InlineData(false, 0x40_0000u)]
    [InlineData(true, 0x20_0000u)]
    public void Init_WritesWhatTheHostSays_AndNothingElse(bool pae, uint reserve)
    {
        DateTimeOffset start = new(2031, 5, 6, 7, 8, 9, TimeSpan.Zero);
        using TinyMachine machine = TinyMachine.Of(
            k =>
            {
                k.Init();
                k.ShutDown();
            },
            pae,
            o => o with { Clock = new VirtualClock(10, start) });
        byte[] filled = new byte[1400];
        Array.Fill(filled, (byte)0xEE);
        filled.AsSpan(24, 64).Fill(0xFF);
        filled.AsSpan(1380, 8).Clear();
        filled[1383] = 0xC0;
        filled[1384] = 0x80;
        machine.Guest.Memory.Write(new Gpa(TinyKernel.Data), filled);
        machine.RunToShutdown();
        Assert.Equal(reserve, machine.Data(Reserve));
        Assert.Equal(1_000_000u, machine.Data(TscKhz));
        Assert.Equal((uint)start.ToUnixTimeSeconds(), machine.Data(Seconds));
        Assert.InRange(machine.Data(Nanoseconds), 1u, 10_000u);
        byte[] now = new byte[filled.Length];
        machine.Guest.Memory.Read(new Gpa(TinyKernel.Data), now);
        foreach ((int at, int length) in (ReadOnlySpan<(int, int)>)[((int)Seconds, 8), ((int)Reserve, 8)])
        {
            now.AsSpan(at, length).Clear();
            filled.AsSpan(at, length).Clear();
        }

        Assert.Equal(filled, now);
    }

    [Fact]
    public void Time_IsWrittenAtEachInterrupt_AndOnlyThen()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(32, "tick");
        kernel.Code.mov(edi, TinyKernel.Results);
        kernel.Mark("next");
        kernel.Call(9, 1_500_000_000);
        kernel.Call(10);
        kernel.Mark("tick");
        kernel.Code.mov(eax, __dword_ptr[TinyKernel.Data + Seconds]);
        kernel.Code.mov(__dword_ptr[edi], eax);
        kernel.Code.mov(eax, __dword_ptr[TinyKernel.Data + Nanoseconds]);
        kernel.Code.mov(__dword_ptr[edi + 4], eax);

        // A hypercall is no interrupt.
        kernel.Code.mov(__dword_ptr[TinyKernel.Data + Seconds], 0);
        kernel.Call(0);
        kernel.Code.mov(eax, __dword_ptr[TinyKernel.Data + Seconds]);
        kernel.Code.mov(__dword_ptr[edi + 8], eax);
        kernel.Code.add(edi, 12);
        kernel.Code.cmp(edi, TinyKernel.Results + (12 * 5));
        kernel.Code.jne(kernel.At("next"));
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        ulong before = (ulong)new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds() * 1_000_000_000;
        for (int i = 0; i < 5; i++)
        {
            Assert.InRange(machine.Kept((i * 3) + 1), 0u, 999_999_999u);
            ulong time = (machine.Kept(i * 3) * 1_000_000_000ul) + machine.Kept((i * 3) + 1);
            Assert.InRange(time, before + 1_500_000_000, before + 1_500_010_000);
            Assert.Equal(0u, machine.Kept((i * 3) + 2));
            before = time;
        }
    }

    [Fact]
    public void Time_OfAClockThatGoesBack_DoesNot()
    {
        // The clock's origin is the host's: whatever it says, the guest's time stands still rather than going back.
        BackwardClock clock = new();
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(33, "one");
        kernel.Call(10);
        kernel.Mark("one");
        kernel.Code.mov(eax, __dword_ptr[TinyKernel.Data + Seconds]);
        kernel.Keep(0, eax);
        kernel.Code.mov(eax, __dword_ptr[TinyKernel.Data + Nanoseconds]);
        kernel.Keep(1, eax);
        kernel.Call(10);
        using TinyMachine machine = new(kernel, change: o => o with { Clock = clock });
        clock.Nanoseconds = 7_000_000_123;
        machine.RunToHalt();
        machine.Guest.Interrupts.Raise(1);
        machine.RunToHalt();
        Assert.Equal([7u, 123u], [machine.Kept(0), machine.Kept(1)]);
        clock.Nanoseconds = 6_000_000_000;
        machine.Guest.Interrupts.Raise(1);
        machine.RunToHalt();
        Assert.Equal([7u, 123u], [machine.Kept(0), machine.Kept(1)]);
        clock.Nanoseconds = 7_000_000_124;
        machine.Guest.Interrupts.Raise(1);
        machine.RunToHalt();
        Assert.Equal([7u, 124u], [machine.Kept(0), machine.Kept(1)]);
    }

    [Theory]
    [InlineData(0u, 0x200u, 0u)]
    [InlineData(0xFFFF_FDFFu, 0x200u, 0u)]
    [InlineData(0x200u, 0u, 1u)]
    [InlineData(0x0000_3246u, 0u, 1u)]
    public void IrqEnabled_CountsInBit9Only(uint image, uint pending, uint delivered)
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(34, "two", type: 0xF);
        kernel.Code.mov(__dword_ptr[TinyKernel.Data + Enabled], image);
        kernel.Call(0);
        kernel.Spin("here");
        kernel.Mark("two");
        kernel.Count(0);
        kernel.Spin("there");
        using TinyMachine machine = new(kernel);
        machine.Guest.Interrupts.Raise(2);
        machine.Run(5000);
        Assert.Equal(pending, machine.Data(Pending));
        Assert.Equal(delivered, machine.Kept(0));

        // The guest's whole image stays: a trap gate writes nothing there.
        Assert.Equal(image, machine.Data(Enabled));
    }

    [Fact]
    public void LoneIretAndKernelAddress_AreTheGuests()
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.ShutDown();
        });
        machine.Write32(TinyKernel.Data + LoneIret, 0x1234);
        machine.Write32(TinyKernel.Data + Blocked, 0x5678);
        machine.RunToShutdown();
        Assert.Equal([0x1234u, 0xC000_0000u, 0x80u, 0x5678u], [
            machine.Data(LoneIret), machine.Data(KernelAddress), machine.Data(SyscallVector), machine.Data(Blocked)]);
    }

    [Fact]
    public void Cr2_IsWrittenWithTheFaultThatIsReflected()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.LoadTables();
        kernel.Gate(14, "fault");
        kernel.Code.mov(eax, __dword_ptr[0x30_0000]);
        kernel.Code.mov(eax, __dword_ptr[0x5000_0010]);
        kernel.Mark("fault");
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal(0x5000_0010u, machine.Data(Cr2));
    }

    /// <summary>A clock whose time a test sets.</summary>
    private sealed class BackwardClock : MachineClock
    {
        public ulong Nanoseconds { get; set; }

        public override DateTimeOffset Start => DateTimeOffset.UnixEpoch;

        public override ulong At(ulong instructions) => Nanoseconds;

        public override ulong InstructionsUntil(ulong instructions, ulong deadline) => deadline <= Nanoseconds ? 0 : 1000u;

        public override bool TrySkipTo(ulong instructions, ulong deadline) => false;
    }
}
