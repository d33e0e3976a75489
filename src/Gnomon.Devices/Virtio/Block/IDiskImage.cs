namespace Gnomon.Devices;

/// <summary>The content of a disk. Offsets and lengths that come in lie inside it.</summary>
public interface IDiskImage
{
    /// <summary>Bytes, a multiple of 512; does not change.</summary>
    long Length { get; }

    /// <summary>Whether it can only be read.</summary>
    bool IsReadOnly { get; }

    /// <summary>Reads.</summary>
    /// <exception cref="IOException">The host failed.</exception>
    void Read(long offset, Span<byte> data);

    /// <summary>Writes.</summary>
    /// <exception cref="IOException">The host failed; any part may be written.</exception>
    void Write(long offset, ReadOnlySpan<byte> data);

    /// <summary>What was written is safe when this returns.</summary>
    /// <exception cref="IOException">The host failed.</exception>
    void Flush();
}
