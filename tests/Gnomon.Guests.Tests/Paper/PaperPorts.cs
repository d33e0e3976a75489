namespace Gnomon.Guests.Tests.Paper;

/// <summary>Ports: configuration space, the keyboard's status, nothing else.</summary>
internal sealed class PaperPorts(IReadOnlyList<PaperVirtio> devices)
{
    private uint _address;

    public uint Read(ushort port, int size)
    {
        if (port == 0x64)
        {
            return 1;
        }

        if (port == 0xCF8 && size == 4)
        {
            return _address;
        }

        if (port is >= 0xCFC and <= 0xCFF && (_address & 0x80FF_0700) == 0x8000_0000)
        {
            uint device = _address >> 11 & 31;
            uint offset = (_address & 0xFC) + (port & 3u);
            if (device == 0)
            {
                uint value = (offset & 0xFC) == 8 ? 0x0600_0000u >> (8 * (int)(offset & 3)) : 0;
                return value & (uint.MaxValue >> (32 - (8 * size)));
            }

            if (device <= devices.Count)
            {
                return devices[(int)device - 1].ReadPci(offset, size);
            }
        }

        return uint.MaxValue >> (32 - (8 * size));
    }

    public void Write(ushort port, int size, uint value)
    {
        if (port == 0xCF8 && size == 4)
        {
            _address = value;
        }
        else if (port is >= 0xCFC and <= 0xCFF && (_address & 0x80FF_0700) == 0x8000_0000)
        {
            uint device = _address >> 11 & 31;
            if (device >= 1 && device <= devices.Count)
            {
                devices[(int)device - 1].WritePci((_address & 0xFC) + (port & 3u), size, value);
            }
        }
    }
}
