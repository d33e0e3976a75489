namespace Gnomon.Devices.Tests.Fixture;

/// <summary>Keeps what a console puts out; fails when told so.</summary>
internal sealed class ConsoleRecord : IConsoleOutput
{
    public List<byte> Bytes { get; } = [];

    public bool Fails { get; set; }

    public string Text => System.Text.Encoding.Latin1.GetString([.. Bytes]);

    public void Write(ReadOnlySpan<byte> bytes)
    {
        if (Fails)
        {
            throw new IOException("the pipe is broken");
        }

        Bytes.AddRange(bytes);
    }
}

/// <summary>A disk of bytes that fails when told so and counts its flushes.</summary>
internal sealed class TestImage(byte[] content, bool readOnly = false) : IDiskImage
{
    public byte[] Content => content;

    public bool Fails { get; set; }

    public int Flushes { get; private set; }

    public long Length => content.Length;

    public bool IsReadOnly => readOnly;

    public void Read(long offset, Span<byte> data)
    {
        Check();
        content.AsSpan((int)offset, data.Length).CopyTo(data);
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        Check();
        Assert.False(readOnly, "a read-only image was written");
        data.CopyTo(content.AsSpan((int)offset, data.Length));
    }

    public void Flush()
    {
        Check();
        Flushes++;
    }

    private void Check()
    {
        if (Fails)
        {
            throw new IOException("the disk is on fire");
        }
    }
}

/// <summary>Keeps the frames that a guest transmits.</summary>
internal sealed class FrameRecord : INetworkBackend
{
    public List<(byte[] Header, byte[] Frame)> Frames { get; } = [];

    public NetworkOffloads Offloads { get; init; }

    public void Transmit(ReadOnlySpan<byte> header, ReadOnlySpan<byte> frame) => Frames.Add((header.ToArray(), frame.ToArray()));
}
