using Microsoft.Win32.SafeHandles;

namespace Gnomon.Devices;

/// <summary>
/// A copy-on-write layer over a disk that stays as it is: what is written goes into clusters of 4 KiB, in memory or in a temporary
/// file. The clusters are saved with the device; the disk below must be the same when they are loaded.
/// </summary>
public sealed class OverlayImage : IDiskImage, IDeviceState, IDisposable
{
    private const int ClusterShift = 12;
    private const int ClusterBytes = 1 << ClusterShift;

    private readonly IDiskImage _below;
    private readonly SafeFileHandle? _file;
    private readonly List<byte[]> _memory = [];
    private readonly Dictionary<long, int> _slots = [];
    private readonly byte[] _cluster = new byte[ClusterBytes];

    /// <summary>Makes a layer whose clusters lie in memory.</summary>
    /// <param name="below">The disk below; never written.</param>
    public OverlayImage(IDiskImage below)
    {
        ArgumentNullException.ThrowIfNull(below);
        _below = below;
    }

    /// <summary>Makes a layer whose clusters lie in a file that goes when the layer is disposed.</summary>
    /// <param name="below">The disk below; never written.</param>
    /// <param name="temporaryPath">The file; must not exist.</param>
    /// <exception cref="IOException">The file exists or cannot be made.</exception>
    public OverlayImage(IDiskImage below, string temporaryPath)
        : this(below) =>
        _file = File.OpenHandle(temporaryPath, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, FileOptions.DeleteOnClose | FileOptions.RandomAccess);

    /// <inheritdoc/>
    public long Length => _below.Length;

    /// <inheritdoc/>
    public bool IsReadOnly => false;

    /// <summary>How many clusters of 4 KiB differ from the disk below, or may.</summary>
    public int ClusterCount => _slots.Count;

    /// <inheritdoc/>
    public void Read(long offset, Span<byte> data)
    {
        while (data.Length > 0)
        {
            int length = PartAt(offset, data.Length, out long cluster, out int inside);
            if (_slots.TryGetValue(cluster, out int slot))
            {
                ReadSlot(slot, inside, data[..length]);
            }
            else
            {
                _below.Read(offset, data[..length]);
            }

            data = data[length..];
            offset += length;
        }
    }

    /// <inheritdoc/>
    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            int length = PartAt(offset, data.Length, out long cluster, out int inside);
            if (_slots.TryGetValue(cluster, out int slot))
            {
                WriteSlot(slot, inside, data[..length]);
            }
            else
            {
                // The rest of a new cluster comes from below; the disk may end inside it.
                long start = cluster << ClusterShift;
                _cluster.AsSpan().Clear();
                _below.Read(start, _cluster.AsSpan(0, (int)Math.Min(ClusterBytes, Length - start)));
                data[..length].CopyTo(_cluster.AsSpan(inside));
                AddCluster(cluster);
            }

            data = data[length..];
            offset += length;
        }
    }

    /// <summary>Does nothing: a layer lives no longer than its machine or its saved state.</summary>
    public void Flush()
    {
    }

    /// <inheritdoc/>
    public void Save(StateWriter writer)
    {
        writer.Begin("overlay", 1);
        writer.Write((ulong)Length);
        writer.Write((uint)_slots.Count);
        foreach (long cluster in _slots.Keys.Order())
        {
            ReadSlot(_slots[cluster], 0, _cluster);
            writer.Write((ulong)cluster);
            writer.Write(_cluster);
        }

        writer.End();
    }

    /// <inheritdoc/>
    public void Load(StateReader reader)
    {
        _ = reader.Begin("overlay", 1);
        ulong length = reader.ReadUInt64();
        if (length != (ulong)Length)
        {
            throw reader.Damaged($"the disk has {length} bytes there and {Length} here");
        }

        _slots.Clear();
        _memory.Clear();
        int count = reader.ReadCount(int.MaxValue, "the number of clusters");
        for (int i = 0; i < count; i++)
        {
            ulong cluster = reader.ReadUInt64();
            if (cluster > (ulong)(Length - 1) >> ClusterShift || _slots.ContainsKey((long)cluster))
            {
                throw reader.Damaged($"cluster {cluster} lies outside the disk or comes twice");
            }

            reader.Read(_cluster);
            AddCluster((long)cluster);
        }

        reader.End();
    }

    /// <summary>Deletes the temporary file. The disk below belongs to its maker.</summary>
    public void Dispose() => _file?.Dispose();

    private static int PartAt(long offset, int length, out long cluster, out int inside)
    {
        cluster = offset >> ClusterShift;
        inside = (int)offset & (ClusterBytes - 1);
        return Math.Min(length, ClusterBytes - inside);
    }

    // The map comes last: a host that fails leaves the disk as it was.
    private void AddCluster(long cluster)
    {
        int slot = _slots.Count;
        if (_file is null)
        {
            _memory.Add([.. _cluster]);
        }
        else
        {
            WriteSlot(slot, 0, _cluster);
        }

        _slots.Add(cluster, slot);
    }

    private void ReadSlot(int slot, int inside, Span<byte> data)
    {
        if (_file is null)
        {
            _memory[slot].AsSpan(inside, data.Length).CopyTo(data);
        }
        else if (RandomAccess.Read(_file, data, ((long)slot << ClusterShift) + inside) != data.Length)
        {
            throw new EndOfStreamException("The temporary file of a disk layer is shorter than what was written to it.");
        }
    }

    private void WriteSlot(int slot, int inside, ReadOnlySpan<byte> data)
    {
        if (_file is null)
        {
            data.CopyTo(_memory[slot].AsSpan(inside));
        }
        else
        {
            RandomAccess.Write(_file, data, ((long)slot << ClusterShift) + inside);
        }
    }
}
