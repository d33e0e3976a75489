namespace Gnomon.Devices.Tests.Pc;

/// <summary>A guest's IN and OUT of bytes, and the saving and loading of single devices.</summary>
internal static class PortTester
{
    public static byte In(this PortBus ports, int port)
    {
        Span<byte> data = stackalloc byte[1];
        ports.Read((ushort)port, data);
        return data[0];
    }

    public static void Out(this PortBus ports, int port, int value) => ports.Write((ushort)port, [(byte)value]);

    public static byte[] Saved(IDeviceState device)
    {
        using MemoryStream stream = new();
        device.Save(new StateWriter(stream));
        return stream.ToArray();
    }

    public static void Load(IDeviceState device, byte[] state)
    {
        using MemoryStream stream = new(state);
        device.Load(new StateReader(stream));
    }
}
