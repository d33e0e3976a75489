using System.Buffers.Binary;
using Gnomon.Memory;

namespace Gnomon.Devices.Tests.Fixture;

/// <summary>The machine of a paravirtual guest without its processor: memory, buses, devices, and the guest's side of ports and windows.</summary>
internal sealed class TestMachine : IDisposable, IDeviceListener, IDmaObserver
{
    public const int Pages = 64;
    public const uint Bytes = Pages * 4096;

    /// <summary>Where the first device's registers lie: memory's end and 1 MiB.</summary>
    public const uint FirstWindow = Bytes + (1 << 20);

    private readonly HostMemory _host = new(8);

    public TestMachine(params VirtioDevice[] devices)
        : this(new TestClock(), devices)
    {
    }

    public TestMachine(TestClock clock, params VirtioDevice[] devices)
    {
        Memory = new GuestMemory(_host, Pages);
        Clock = clock;
        Scheduler = new DeviceScheduler(clock);
        DeviceEnvironment environment = new(new DeviceMemory(Memory, this), Scheduler, this);
        Pci = new PciBus(Mmio, new HostBridge());
        Ports.Map(PciBus.FirstPort, PciBus.PortCount, Pci);
        Ports.Map(0x64, 1, new ConstantPort(1));
        for (int i = 0; i < devices.Length; i++)
        {
            TestLine line = new();
            Lines.Add(line);
            VirtioPciFunction function = new(devices[i], environment, line, (byte)(i + 1));
            Pci.Add(i + 1, function);
            function.PlaceWindow(0, new Gpa(FirstWindow + (uint)(i * 4096)));
        }
    }

    public GuestMemory Memory { get; }

    public TestClock Clock { get; }

    public DeviceScheduler Scheduler { get; }

    public PortBus Ports { get; } = new();

    public MmioBus Mmio { get; } = new();

    public PciBus Pci { get; }

    /// <summary>The interrupt lines, that of device 1 first.</summary>
    public List<TestLine> Lines { get; } = [];

    /// <summary>What the host failed at, and which rules the guest broke.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>The bytes that devices wrote into memory: address and length.</summary>
    public List<(ulong Address, int Length)> DmaWrites { get; } = [];

    public int HostFailures { get; private set; }

    public void HostFailed(string device, string message)
    {
        HostFailures++;
        Notes.Add($"{device}: {message}");
    }

    public void GuestBrokeRules(string device, string message) => Notes.Add($"{device}: {message}");

    public void Written(Gpa address, int length) => DmaWrites.Add((address.Value, length));

    public void FailHostAllocations(int count) => _host.FailNextAllocations(count);

    public uint In(int port, int size)
    {
        Span<byte> data = stackalloc byte[4];
        data.Clear();
        Ports.Read((ushort)port, data[..size]);
        return BinaryPrimitives.ReadUInt32LittleEndian(data);
    }

    public void Out(int port, int size, uint value)
    {
        Span<byte> data = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(data, value);
        Ports.Write((ushort)port, data[..size]);
    }

    /// <summary>Reads configuration space as a kernel does: the address first, then the bytes of the dword.</summary>
    public uint ReadConfig(int device, int register, int size = 4, int function = 0, int bus = 0)
    {
        Select(device, register, function, bus);
        return In(0xCFC + (register & 3), size);
    }

    public void WriteConfig(int device, int register, int size, uint value, int function = 0, int bus = 0)
    {
        Select(device, register, function, bus);
        Out(0xCFC + (register & 3), size, value);
    }

    public ulong ReadMmio(ulong address, int size)
    {
        Span<byte> data = stackalloc byte[8];
        data.Clear();
        Mmio.Read(new Gpa(address), data[..size]);
        return BinaryPrimitives.ReadUInt64LittleEndian(data);
    }

    public void WriteMmio(ulong address, int size, ulong value)
    {
        Span<byte> data = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(data, value);
        Mmio.Write(new Gpa(address), data[..size]);
    }

    public byte[] Peek(ulong address, int length)
    {
        byte[] bytes = new byte[length];
        Assert.Equal(PageStatus.Ok, Memory.Read(new Gpa(address), bytes));
        return bytes;
    }

    public ulong Peek(ulong address, int length, int _) => length switch
    {
        2 => BinaryPrimitives.ReadUInt16LittleEndian(Peek(address, 2)),
        4 => BinaryPrimitives.ReadUInt32LittleEndian(Peek(address, 4)),
        _ => BinaryPrimitives.ReadUInt64LittleEndian(Peek(address, 8)),
    };

    public void Poke(ulong address, params byte[] bytes) => Assert.Equal(PageStatus.Ok, Memory.Write(new Gpa(address), bytes));

    public void Poke16(ulong address, int value) => Poke(address, BitConverter.GetBytes((ushort)value));

    /// <summary>Lets the machine's time pass to the next deadline, again and again until no timer is set.</summary>
    public void RunTimers(int limit = 10_000)
    {
        for (int i = 0; Scheduler.NextDeadline != DeviceScheduler.Never; i++)
        {
            Assert.True(i < limit, "timers that never end");
            Clock.Nanoseconds = Math.Max(Clock.Nanoseconds, Scheduler.NextDeadline);
            Scheduler.RunDue();
        }
    }

    public byte[] Save()
    {
        using MemoryStream stream = new();
        Pci.Save(new StateWriter(stream));
        return stream.ToArray();
    }

    public void Load(byte[] state)
    {
        using MemoryStream stream = new(state);
        Pci.Load(new StateReader(stream));
        Assert.Equal(stream.Length, stream.Position);
    }

    /// <summary>What is not the devices' to save: memory and the levels of the lines.</summary>
    public void CopyOutsideOf(TestMachine other)
    {
        Poke(0, other.Peek(0, (int)Bytes));
        for (int i = 0; i < Lines.Count; i++)
        {
            Lines[i].Level = other.Lines[i].Level;
        }
    }

    public void Dispose()
    {
        Memory.Dispose();
        _host.Dispose();
    }

    private void Select(int device, int register, int function, int bus) =>
        Out(0xCF8, 4, 0x8000_0000 | ((uint)bus << 16) | ((uint)device << 11) | ((uint)function << 8) | ((uint)register & 0xFC));
}
