using Microsoft.Win32.SafeHandles;

namespace Gnomon.Devices;

/// <summary>A disk that is a file of the host, sector after sector.</summary>
public sealed class FileImage : IDiskImage, IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly string _path;

    /// <summary>Opens the file.</summary>
    /// <param name="path">The file; its length must be a multiple of 512, and not 0.</param>
    /// <param name="readOnly">Never write to it; several may share it then.</param>
    /// <exception cref="IOException">It cannot be opened.</exception>
    /// <exception cref="InvalidDataException">Its length is no number of sectors.</exception>
    public FileImage(string path, bool readOnly)
    {
        _file = File.OpenHandle(
            path, FileMode.Open, readOnly ? FileAccess.Read : FileAccess.ReadWrite, readOnly ? FileShare.Read : FileShare.None, FileOptions.RandomAccess);
        _path = path;
        IsReadOnly = readOnly;
        Length = RandomAccess.GetLength(_file);
        if (Length == 0 || Length % VirtioBlock.SectorBytes != 0)
        {
            _file.Dispose();
            throw new InvalidDataException($"{path} has {Length} bytes: a disk is made of sectors of {VirtioBlock.SectorBytes} bytes.");
        }
    }

    /// <inheritdoc/>
    public long Length { get; }

    /// <inheritdoc/>
    public bool IsReadOnly { get; }

    /// <inheritdoc/>
    public void Read(long offset, Span<byte> data)
    {
        while (data.Length > 0)
        {
            int read = RandomAccess.Read(_file, data, offset);
            if (read == 0)
            {
                throw new EndOfStreamException($"{_path} has only {RandomAccess.GetLength(_file)} bytes now; it had {Length} when it was opened.");
            }

            offset += read;
            data = data[read..];
        }
    }

    /// <inheritdoc/>
    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        if (IsReadOnly)
        {
            throw new IOException($"{_path} is opened read-only.");
        }

        RandomAccess.Write(_file, data, offset);
    }

    /// <inheritdoc/>
    public void Flush()
    {
        if (!IsReadOnly)
        {
            RandomAccess.FlushToDisk(_file);
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _file.Dispose();
}
