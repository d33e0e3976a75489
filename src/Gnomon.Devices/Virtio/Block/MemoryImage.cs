namespace Gnomon.Devices;

/// <summary>A disk in the host's memory. Its content is saved with the device.</summary>
public sealed class MemoryImage : IDiskImage, IDeviceState
{
    private readonly byte[] _content;

    /// <summary>Makes a disk.</summary>
    /// <param name="content">Its content, which it uses from now on; a multiple of 512 bytes, and not 0.</param>
    /// <exception cref="ArgumentException">The length is no number of sectors.</exception>
    public MemoryImage(byte[] content)
    {
        ArgumentNullException.ThrowIfNull(content);
        if (content.Length == 0 || content.Length % VirtioBlock.SectorBytes != 0)
        {
            throw new ArgumentException($"A disk is made of sectors of {VirtioBlock.SectorBytes} bytes; {content.Length} is no number of them.", nameof(content));
        }

        _content = content;
    }

    /// <inheritdoc/>
    public long Length => _content.Length;

    /// <inheritdoc/>
    public bool IsReadOnly => false;

    /// <inheritdoc/>
    public void Read(long offset, Span<byte> data) => _content.AsSpan((int)offset, data.Length).CopyTo(data);

    /// <inheritdoc/>
    public void Write(long offset, ReadOnlySpan<byte> data) => data.CopyTo(_content.AsSpan((int)offset));

    /// <inheritdoc/>
    public void Flush()
    {
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Begin("memory image", 1);
        writer.Write((ulong)Length);
        writer.Write(_content);
        writer.End();
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        _ = reader.Begin("memory image", 1);
        ulong length = reader.ReadUInt64();
        if (length != (ulong)Length)
        {
            throw reader.Damaged($"the disk has {length} bytes there and {Length} here");
        }

        reader.Read(_content);
        reader.End();
    }
}
