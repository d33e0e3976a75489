using Gnomon.Devices;
using Gnomon.Memory;

namespace Gnomon.Monitor.Tests.Fixture;

/// <summary>An access that a device saw.</summary>
internal readonly record struct Seen(bool IsWrite, int Offset, int Size, ulong Value);

/// <summary>A device that notes all accesses. It reads as a number that goes up with each access, repeated in each byte.</summary>
internal sealed class Recorder : IPortDevice, IMmioDevice
{
    private byte _next = 0x11;

    public List<Seen> Accesses { get; } = [];

    public void Read(int offset, Span<byte> data)
    {
        data.Fill(_next);
        _next += 0x11;
        Accesses.Add(new Seen(false, offset, data.Length, Value(data)));
    }

    public void Write(int offset, ReadOnlySpan<byte> data) => Accesses.Add(new Seen(true, offset, data.Length, Value(data)));

    private static ulong Value(ReadOnlySpan<byte> data)
    {
        ulong value = 0;
        for (int i = data.Length - 1; i >= 0; i--)
        {
            value = (value << 8) | data[i];
        }

        return value;
    }
}

/// <summary>A recorder at ports 0x300 … 0x30F and one at the first two pages of the devices' windows.</summary>
internal sealed class Board
{
    public const ushort FirstPort = 0x300;

    /// <summary>The window's guest-physical address: memory + 1 MiB.</summary>
    public const uint Window = (TinyMachine.MemoryMiB + 1) << 20;

    public Recorder Ports { get; } = new();

    public Recorder Memory { get; } = new();

    public ParavirtualOptions AddTo(ParavirtualOptions options) => options with
    {
        Devices = site =>
        {
            PortBus ports = new();
            ports.Map(FirstPort, 16, Ports);
            ports.Map(0x64, 1, new ConstantPort(1));
            MmioBus mmio = new();
            mmio.Map(site.Windows, 2 * PageSize.Bytes, Memory);
            return new GuestDevices { Ports = ports, Mmio = mmio, WindowBytes = 2 * PageSize.Bytes };
        },
    };
}
