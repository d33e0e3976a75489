using Gnomon.Devices;

namespace Gnomon;

/// <summary>The open images of a machine's disks.</summary>
internal sealed class DiskImages : IDisposable
{
    private readonly List<IDiskImage> _images = [];
    private readonly List<IDisposable> _open = [];

    /// <summary>Opens them.</summary>
    /// <exception cref="IOException">One cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">One may not be opened.</exception>
    /// <exception cref="InvalidDataException">One is no number of sectors long.</exception>
    public DiskImages(IReadOnlyList<MachineDisk> disks)
    {
        try
        {
            foreach (MachineDisk disk in disks)
            {
                FileImage file = new(disk.Path, readOnly: disk.Access != DiskAccess.ReadWrite);
                _open.Add(file);
                _images.Add(disk.Access == DiskAccess.CopyOnWrite ? new OverlayImage(file) : file);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The images, in the order of the disks.</summary>
    public IReadOnlyList<IDiskImage> All => _images;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable file in _open)
        {
            file.Dispose();
        }
    }
}
