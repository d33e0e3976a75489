using System.Buffers.Binary;
using Gnomon.Cpu;
using Gnomon.Devices;
using Gnomon.Memory;
using Gnomon.Monitor.Tests.Fixture;
using Gnomon.Shadow;

namespace Gnomon.Monitor.Tests.Unmodified;

/// <summary>How the guest's addresses are translated.</summary>
public enum PcKind
{
    /// <summary>Shadow tables, stores watched.</summary>
    Watched,

    /// <summary>Shadow tables that may be stale as a TLB.</summary>
    Lazy,

    /// <summary>Nested paging.</summary>
    Nested,
}

/// <summary>A PC of 4 MiB that runs a <see cref="SmallProgram"/> in flat protected mode, with paging off at first.</summary>
internal sealed class SmallPc : IDisposable
{
    public const int MemoryMiB = 4;

    /// <summary>A window above memory: two pages with <see cref="Device"/>.</summary>
    public const uint Window = 0x50_0000;

    /// <summary>Two pages inside memory with <see cref="Hole"/>; the rest of 128 KiB is open bus.</summary>
    public const uint HoleAddress = 0xA_0000;

    /// <summary>Sixteen ports with <see cref="PortDevice"/>.</summary>
    public const ushort FirstPort = 0x300;

    public const int UserCode = 0x1B;
    public const int UserData = 0x23;
    public const uint UserStack = 0xA000;

    /// <summary>The task that runs at first, and one to switch to.</summary>
    public const ushort FirstTask = 0x28;

    /// <summary>The other task.</summary>
    public const ushort OtherTask = 0x30;

    /// <summary>The image of the first task.</summary>
    public const uint FirstTaskImage = 0x5000;

    /// <summary>The image of the other task.</summary>
    public const uint OtherTaskImage = 0x5100;

    public const uint Gdt = 0x500;
    public const uint Idt = 0x800;

    private readonly Action<SmallPc>? _prepare;
    private readonly byte[] _code;
    private readonly bool _ownsHost;
    private GuestMemory? _loading;

    public SmallPc(PcKind kind, Action<SmallProgram> write, bool pae = false, Action<SmallPc>? prepare = null, Func<UnmodifiedOptions, UnmodifiedOptions>? change = null, HostMemory? host = null)
    {
        Kind = kind;
        _prepare = prepare;
        write(Program);
        _code = Program.Build();
        Assert.True(_code.Length <= 0x3000, "The program is too long.");
        _ownsHost = host is null;
        Host = host ?? new HostMemory(64);
        UnmodifiedOptions options = new()
        {
            Load = Load,
            MemoryMiB = MemoryMiB,
            Mmu = kind == PcKind.Nested ? MmuKind.Nested : MmuKind.Shadow,
            Shadow = new ShadowOptions { Coherence = kind == PcKind.Lazy ? Coherence.Lazy : Coherence.Watched },
            Clock = Clock,
            Platform = MakePlatform,
        };
        IsPae = pae;
        Guest = new UnmodifiedGuest(Host, change is null ? options : change(options));
    }

    /// <summary>Exceptions that have a handler.</summary>
    public static ReadOnlySpan<int> Exceptions => [0, 1, 3, 6, 7, 10, 11, 12, 13, 14];

    /// <summary>Every way of translation, in both formats.</summary>
    public static TheoryData<PcKind, bool> All => Cases([PcKind.Watched, PcKind.Lazy, PcKind.Nested]);

    /// <summary>Shadow tables only.</summary>
    public static TheoryData<PcKind, bool> Shadowed => Cases([PcKind.Watched, PcKind.Lazy]);

    public PcKind Kind { get; }

    public bool IsPae { get; }

    public HostMemory Host { get; }

    public VirtualClock Clock { get; } = new();

    public SmallProgram Program { get; } = new();

    public UnmodifiedGuest Guest { get; }

    public Recorder Device { get; } = new();

    public Recorder Hole { get; } = new();

    public Recorder PortDevice { get; } = new();

    /// <summary>What the program has said.</summary>
    public List<uint> Said { get; } = [];

    public SmallPic Pic { get; private set; } = null!;

    public DeviceScheduler Scheduler { get; private set; } = null!;

    /// <summary>Called at each dword said.</summary>
    public Action<uint>? Heard { get; set; }

    public SmallTables Tables => new(Write32, IsPae);

    private GuestMemory Memory => _loading ?? Guest.Memory;

    /// <summary>Runs until the machine is turned off; anything else fails the test with the reason.</summary>
    public uint[] RunToEnd(ulong instructions = 100_000)
    {
        GuestStop stop = Run(instructions);
        Assert.True(stop.Reason == GuestStopReason.Shutdown, $"{stop} {Telling()}");
        return [.. Said];
    }

    /// <summary>Runs, and audits.</summary>
    public GuestStop Run(ulong instructions = 100_000)
    {
        GuestStop stop = Guest.Run(instructions);
        Assert.Null(stop.Reason == GuestStopReason.Killed ? null : Guest.Mmu.Audit());
        return stop;
    }

    /// <summary>What it was doing, for a message.</summary>
    public string Telling() => $"said [{string.Join(' ', Said.Select(value => value.ToString("x")))}] {string.Join(' ', Guest.RecentFaults)}";

    /// <summary>What an exception's handler says.</summary>
    public uint[] Fault(int vector, string at, uint? code = null, uint? address = null)
    {
        List<uint> said = [SmallProgram.Exception | (uint)vector];
        said.AddRange(new[] { code, address }.OfType<uint>());
        said.Add(Program.Addresses[at]);
        return [.. said];
    }

    public uint Read32(uint address)
    {
        Span<byte> bytes = stackalloc byte[4];
        Assert.Equal(PageStatus.Ok, Memory.Read(new Gpa(address), bytes));
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    public void Write32(uint address, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        Assert.Equal(PageStatus.Ok, Memory.Write(new Gpa(address), bytes));
    }

    /// <summary>A 32-bit interrupt gate to a mark, or to nowhere.</summary>
    public void Gate(int vector, string? handler, int type = 0xE)
    {
        uint address = handler is null ? 0 : Program.Addresses[handler];
        Write32(Idt + ((uint)vector * 8), (address & 0xFFFF) | 0x8_0000);
        Write32(Idt + ((uint)vector * 8) + 4, (address & 0xFFFF_0000) | (handler is null ? 0 : 0xE000u | ((uint)type << 8)));
    }

    /// <summary>Raises an interrupt at a time.</summary>
    public void InterruptAt(ulong nanoseconds, byte vector) => Scheduler.CreateTimer(_ => Pic.Raise(vector)).Set(nanoseconds);

    public void Dispose()
    {
        Guest.Dispose();
        if (_ownsHost)
        {
            Assert.Equal(0, Host.FramesInUse);
            Host.Dispose();
        }
    }

    private static TheoryData<PcKind, bool> Cases(ReadOnlySpan<PcKind> kinds)
    {
        TheoryData<PcKind, bool> cases = [];
        foreach (PcKind kind in kinds)
        {
            cases.Add(kind, false);
            cases.Add(kind, true);
        }

        return cases;
    }

    private Action<ProcessorRegisters> Load(GuestMemory memory)
    {
        _loading = memory;
        Assert.Equal(PageStatus.Ok, memory.Write(new Gpa(SmallProgram.Base), _code));
        Descriptor(0x08, 0x0000_FFFF, 0x00CF_9B00);
        Descriptor(0x10, 0x0000_FFFF, 0x00CF_9300);
        Descriptor(0x18, 0x0000_FFFF, 0x00CF_FB00);
        Descriptor(0x20, 0x0000_FFFF, 0x00CF_F300);
        Descriptor(FirstTask, (FirstTaskImage << 16) | 0x67, 0x0000_8B00);
        Descriptor(OtherTask, (OtherTaskImage << 16) | 0x67, 0x0000_8900);
        Write32(FirstTaskImage + 4, SmallProgram.Stack - 0x800);
        Write32(FirstTaskImage + 8, 0x10);
        foreach (int vector in Exceptions)
        {
            Gate(vector, "exception " + vector);
        }

        Tables.Lay();
        _prepare?.Invoke(this);
        _loading = null;
        return Start;

        void Descriptor(uint selector, uint low, uint high)
        {
            Write32(Gdt + selector, low);
            Write32(Gdt + selector + 4, high);
        }
    }

    private void Start(ProcessorRegisters registers)
    {
        registers.Cr0 = Cr0.ProtectionEnable | Cr0.ExtensionType;
        registers.Gdt = (Gdt, 0x37);
        registers.Idt = (Idt, 0x7FF);
        registers.Task = new SegmentValue(FirstTask, FirstTaskImage, 0x67, 0x8B);
        foreach (SegmentName name in Enum.GetValues<SegmentName>())
        {
            bool code = name == SegmentName.Cs;
            registers.SetSegment(name, new SegmentValue((ushort)(code ? 8 : 16), 0, uint.MaxValue, (ushort)(code ? 0xC09B : 0xC093)));
        }

        foreach (GeneralRegister register in Enum.GetValues<GeneralRegister>())
        {
            registers[register] = 0;
        }

        registers.Eflags = 2;
        registers[GeneralRegister.Esp] = SmallProgram.Stack;
        registers.Eip = SmallProgram.Base;
    }

    private GuestPlatform MakePlatform(PlatformSite site)
    {
        PortBus ports = new();
        ports.Map(SmallProgram.SayPort, 4, new Port(value =>
        {
            Said.Add(value);
            Heard?.Invoke(value);
        }));
        ports.Map(SmallProgram.OffPort, 1, new Port(_ => site.Power.TurnOff()));
        ports.Map(SmallProgram.ResetPort, 1, new Port(_ => site.Power.Reset()));
        ports.Map(FirstPort, 16, PortDevice);
        MmioBus mmio = new();
        mmio.Map(new Gpa(Window), 0x2000, Device);
        mmio.Map(new Gpa(HoleAddress), 0x2000, Hole);
        Pic = new SmallPic(site.InterruptChanged);
        Scheduler = new DeviceScheduler(site.Clock);
        return new GuestPlatform
        {
            Ports = ports,
            Mmio = mmio,
            Holes = [new DeviceWindow(new Gpa(HoleAddress), 0x2_0000)],
            Scheduler = Scheduler,
            Interrupts = Pic,
        };
    }

    private sealed class Port(Action<uint> write) : IPortDevice
    {
        public void Read(int offset, Span<byte> data) => data.Fill(0xFF);

        public void Write(int offset, ReadOnlySpan<byte> data)
        {
            uint value = 0;
            for (int i = data.Length - 1; i >= 0; i--)
            {
                value = (value << 8) | data[i];
            }

            write(value);
        }
    }
}

/// <summary>Gives out vectors in the order in which they were raised, from any thread.</summary>
internal sealed class SmallPic(Action changed) : IInterruptController
{
    private readonly System.Collections.Concurrent.ConcurrentQueue<byte> _waiting = new();

    public bool HasInterrupt => !_waiting.IsEmpty;

    public int Taken { get; private set; }

    public void Raise(byte vector)
    {
        _waiting.Enqueue(vector);
        changed();
    }

    public byte Acknowledge()
    {
        Assert.True(_waiting.TryDequeue(out byte vector), "No interrupt was announced.");
        Taken++;
        return vector;
    }
}
