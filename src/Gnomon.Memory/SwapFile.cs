using Microsoft.Win32.SafeHandles;

namespace Gnomon.Memory;

/// <summary>A page store in a file, which is deleted when the store is disposed. Slots are reused. May serve several guests.</summary>
public sealed class SwapFile : IPageStore, IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly Stack<uint> _free = new();
    private readonly Lock _gate = new();
    private readonly uint _limit;
    private uint _used;

    /// <summary>Creates the file.</summary>
    /// <param name="path">Where; must not exist.</param>
    /// <param name="limitMiB">How large it may grow, in MiB, at least 1.</param>
    /// <exception cref="IOException">The file exists or cannot be made.</exception>
    public SwapFile(string path, int limitMiB)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limitMiB, 1);
        _limit = (uint)limitMiB << (20 - PageSize.Shift);
        _file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, FileOptions.DeleteOnClose | FileOptions.RandomAccess);
    }

    /// <summary>How many pages lie in the file.</summary>
    public int PagesStored
    {
        get
        {
            lock (_gate)
            {
                return (int)_used - _free.Count;
            }
        }
    }

    /// <inheritdoc/>
    public bool TryStore(ReadOnlySpan<byte> page, out uint slot)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(page.Length, PageSize.Bytes);
        lock (_gate)
        {
            if (!_free.TryPop(out slot))
            {
                if (_used == _limit)
                {
                    return false;
                }

                slot = _used++;
            }
        }

        try
        {
            RandomAccess.Write(_file, page, (long)slot << PageSize.Shift);
            return true;
        }
        catch (IOException)
        {
            // A full disk: the page stays where it is, and the caller hears it.
            Free(slot);
            return false;
        }
    }

    /// <inheritdoc/>
    public bool TryLoad(uint slot, Span<byte> page)
    {
        try
        {
            return RandomAccess.Read(_file, page, (long)slot << PageSize.Shift) == page.Length;
        }
        catch (IOException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Free(uint slot)
    {
        lock (_gate)
        {
            _free.Push(slot);
        }
    }

    /// <summary>Closes and deletes the file.</summary>
    public void Dispose() => _file.Dispose();
}
