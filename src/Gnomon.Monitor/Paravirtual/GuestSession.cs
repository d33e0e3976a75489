using System.Numerics;
using Gnomon.Cpu;
using Gnomon.Cpu.Memory;
using Gnomon.Devices;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>A guest between its start and its end: what a restart throws away.</summary>
internal sealed class GuestSession : IDisposable
{
    /// <summary>The only virtual CPU's number.</summary>
    public const int Number = 0;

    private const ulong DeviceGap = 1 << 20;
    private const uint TwoLevelSwitcher = 0xFFC0_0000;
    private const uint PaeSwitcher = 0xFFE0_0000;

    /// <summary>A guest enables and unblocks interrupts by plain stores, and may then compute without a trap. While one waits, the host
    /// looks again after so many instructions, as a real host's timer would make it.</summary>
    private const ulong LookInterval = 1000;

    private readonly MachineClock _clock;
    private ulong _lookAt = ulong.MaxValue;
    private ulong _lastTime;
    private bool _announced;

    /// <summary>Loads the guest and puts its CPU before the first instruction.</summary>
    public GuestSession(HostMemory host, SwitcherHost switcher, Processor processor, HostFrames frames, InterruptLines lines, ParavirtualOptions options)
    {
        _clock = options.Clock;
        Lines = lines;
        IsPae = options.Pae;
        SwitcherAddress = options.Shadow.SwitcherAddress?.Value ?? (options.Pae ? PaeSwitcher : TwoLevelSwitcher);
        Memory = new GuestMemory(host, options.MemoryMiB << (20 - PageSize.Shift));
        try
        {
            Load(options);
            Gpa windows = new(((ulong)options.MemoryMiB << 20) + DeviceGap);
            Devices = options.Devices?.Invoke(new DeviceSite(Memory, windows, new GuestClock(_clock, processor), lines)) ?? new GuestDevices();
            ShadowOptions shadow = Devices.Mmio is null ? options.Shadow
                : options.Shadow with { Devices = [.. options.Shadow.Devices, new DeviceWindow(windows, Devices.WindowBytes)] };
            Mmu = options.Pae ? ShadowMmu.CreatePae(Memory, shadow, switcher.Pages) : ShadowMmu.CreateTwoLevel(Memory, shadow, switcher.Pages);
            Mmu = options.Wrap?.Invoke(Mmu) ?? Mmu;
            Cpu = new VirtualCpu(switcher, Mmu, processor, frames, SwitcherAddress, options.Pae);
            Cpu.Start(options.Kernel.Entry);
        }
        catch
        {
            Dispose();
            throw;
        }

        Stack = new GuestStack(Mmu);
        Delivery = new EventDelivery(Cpu, Stack);
    }

    public InterruptLines Lines { get; }

    public uint SwitcherAddress { get; }

    /// <summary>Whether the guest's tables are PAE's.</summary>
    public bool IsPae { get; }

    public GuestMemory Memory { get; }

    public IShadowMmu Mmu { get; } = null!;

    public VirtualCpu Cpu { get; } = null!;

    public GuestDevices Devices { get; } = null!;

    public GuestStack Stack { get; } = null!;

    public EventDelivery Delivery { get; } = null!;

    /// <summary>The guest's data page; null before hypercall 1.</summary>
    public GuestDataPage? Data { get; private set; }

    /// <summary>Where the guest's lone IRET is.</summary>
    public uint LoneIret { get; private set; }

    /// <summary>Whether the guest waits for an interrupt.</summary>
    public bool IsHalted { get; set; }

    /// <summary>When interrupt 0 is due; <see cref="ulong.MaxValue"/> for never.</summary>
    public ulong ClockEvent { get; set; } = ulong.MaxValue;

    /// <summary>How the guest has ended; null while it goes on.</summary>
    public GuestStop? End { get; set; }

    /// <summary>The time.</summary>
    public ulong Now => _clock.At(Cpu.Processor.Instructions);

    /// <summary>When something is due.</summary>
    public ulong NextDeadline => Math.Min(ClockEvent, Devices.Scheduler?.NextDeadline ?? ulong.MaxValue);

    /// <summary>Hypercall 1: the guest declares itself.</summary>
    public void Initialise(uint address)
    {
        if (address + (ulong)GuestDataPage.Bytes > (ulong)Memory.PageCount << PageSize.Shift)
        {
            GuestDeath.Kill($"the guest's data page at 0x{address:x} lies outside its memory");
        }

        GuestDataPage data = new(Memory, address);
        data.Introduce(0 - SwitcherAddress, MachineClock.TscKhz);
        WriteTime(data);
        LoneIret = data.LoneIret;
        Cpu.Descriptors.SyscallVector = data.SyscallVector;
        Data = data;
        Mmu.SetGuestData(new Gva(data.KernelAddress));
    }

    /// <summary>Raises what is due.</summary>
    public void RunDue()
    {
        ulong now = Now;
        if (ClockEvent <= now)
        {
            ClockEvent = ulong.MaxValue;
            Lines.Raise(0);
        }

        if (Devices.Scheduler is { } scheduler && scheduler.NextDeadline <= now)
        {
            scheduler.RunDue();
        }
    }

    /// <summary>How many instructions may run before one must look for interrupts again, at least 1.</summary>
    public ulong InstructionsUntilLook => _lookAt == ulong.MaxValue ? _lookAt : Math.Max(_lookAt, Cpu.Processor.Instructions + 1) - Cpu.Processor.Instructions;

    /// <summary>Whether an interrupt wants to be delivered to a guest that is not trapped. If its interrupts are disabled, it is told.</summary>
    public bool WantsKick()
    {
        bool changed = Lines.TakeChanged();
        if (Data is not { } data || (!changed && Cpu.Processor.Instructions < _lookAt))
        {
            return false;
        }

        uint lines = Lines.Waiting;
        LookLater(lines != 0);
        uint waiting = lines & ~data.Blocked;
        if (waiting != 0 && data.InterruptsEnabled)
        {
            return Cpu.Descriptors.Gate(VectorOfLowest(waiting)).IsPresent;
        }

        Announce(data, waiting != 0);
        return false;
    }

    /// <summary>Before an entry into a trapped guest: delivers the lowest interrupt that waits and is not blocked.</summary>
    /// <returns>Whether one was delivered.</returns>
    public bool LookForInterrupts()
    {
        Lines.TakeChanged();
        uint lines = Lines.Waiting;
        LookLater(lines != 0);
        if (Data is not { } data || (lines == 0 && !_announced))
        {
            return false;
        }

        uint waiting = lines == 0 ? 0 : lines & ~data.Blocked;
        if (waiting == 0)
        {
            Announce(data, false);
            return false;
        }

        if (IsHalted)
        {
            data.InterruptsEnabled = true;
            IsHalted = false;
        }
        else if (!data.InterruptsEnabled)
        {
            Announce(data, true);
            return false;
        }

        int vector = VectorOfLowest(waiting);
        if (!Cpu.Descriptors.Gate(vector).IsPresent)
        {
            return false;
        }

        Lines.Lower(vector - GuestDescriptors.FirstInterruptVector);
        Lines.TakeChanged();
        WriteTime(data);
        Delivery.DeliverInterrupt(data, LoneIret, vector);
        Announce(data, (waiting & (waiting - 1)) != 0);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Cpu?.Dispose();
        Mmu?.Dispose();
        Memory.Dispose();
    }

    private void Load(ParavirtualOptions options)
    {
        KernelImage kernel = options.Kernel;
        GuestLoader.LoadKernel(Memory, kernel);
        if (kernel.Segments.Any(segment => segment.Address < GuestLoader.CommandLineAddress + PageSize.Bytes))
        {
            throw new KernelFormatException("The kernel lies in the first 8 KiB of memory, where its boot parameters must be.");
        }

        RamDisk disk = GuestLoader.LoadRamDisk(Memory, options.RamDisk.Span, kernel.End);
        GuestLoader.WriteBootParameters(Memory, options.CommandLine, disk);
    }

    private static int VectorOfLowest(uint waiting) => GuestDescriptors.FirstInterruptVector + BitOperations.TrailingZeroCount(waiting);

    private void LookLater(bool waiting) => _lookAt = waiting ? Cpu.Processor.Instructions + LookInterval : ulong.MaxValue;

    private void Announce(GuestDataPage data, bool waiting)
    {
        if (waiting || _announced)
        {
            data.InterruptPending = waiting;
            _announced = waiting;
        }
    }

    // The guest's clock source: whatever the host's clock does, it never goes back.
    private void WriteTime(GuestDataPage data)
    {
        DateTimeOffset start = _clock.Start;
        ulong epoch = (ulong)Math.Max(0, (start - DateTimeOffset.UnixEpoch).Ticks) * 100;
        _lastTime = Math.Max(_lastTime, epoch + Now);
        data.SetTime((uint)(_lastTime / 1_000_000_000), (uint)(_lastTime % 1_000_000_000));
    }
}
