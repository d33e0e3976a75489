using System.Buffers.Binary;

namespace Gnomon.Guests.Tests.Paper;

/// <summary>A block device over an array of bytes.</summary>
internal sealed class PaperDisk(PaperMemory memory, byte irq, Action<byte> interrupt, byte[] image) : PaperVirtio(memory, 0x1042, irq, interrupt, 1)
{
    protected override uint LowFeatures => (1 << 2) | (1 << 6) | (1 << 9) | (1 << 28);

    protected override uint ReadConfig(uint offset) => offset switch
    {
        0 => (uint)(image.Length / 512),
        12 => 254,
        20 => 512,
        _ => 0,
    };

    protected override uint Serve(int queue, byte[] read, int writable, out byte[] written)
    {
        uint kind = BinaryPrimitives.ReadUInt32LittleEndian(read);
        ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(read.AsSpan(8));
        int bytes = kind == 0 ? writable - 1 : read.Length - 16;
        written = new byte[Math.Max(writable, 1)];
        bool inside = sector * 512 + (ulong)bytes <= (ulong)image.Length && bytes % 512 == 0;
        byte answer = kind is 0 or 1 ? (byte)(inside ? 0 : 1) : (byte)(kind == 4 ? 0 : 2);
        if (answer == 0 && kind == 0)
        {
            image.AsSpan((int)sector * 512, bytes).CopyTo(written);
        }
        else if (answer == 0 && kind == 1)
        {
            read.AsSpan(16).CopyTo(image.AsSpan((int)sector * 512));
        }

        written[^1] = answer;
        return (uint)written.Length;
    }
}

/// <summary>A console that collects what is written.</summary>
internal sealed class PaperConsole(PaperMemory memory, byte irq, Action<byte> interrupt) : PaperVirtio(memory, 0x1043, irq, interrupt, 2)
{
    public System.Text.StringBuilder Output { get; } = new();

    public int EmergencyBytes { get; private set; }

    protected override uint LowFeatures => 1 << 2;

    protected override uint ReadConfig(uint offset) => 0;

    protected override void WriteConfig(uint offset, int size, uint value)
    {
        if (offset == 8 && size == 4)
        {
            EmergencyBytes++;
            _ = Output.Append((char)(byte)value);
        }
    }

    protected override bool HasWork(int queue) => queue == 1;

    protected override uint Serve(int queue, byte[] read, int writable, out byte[] written)
    {
        foreach (byte one in read)
        {
            _ = Output.Append((char)one);
        }

        written = [];
        return 0;
    }
}
