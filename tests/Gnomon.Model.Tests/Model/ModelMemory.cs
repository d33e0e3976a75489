namespace Gnomon.Model.Tests.Model;

/// <summary>The guest's memory as bytes, nothing else. A page that was never written is all zero.</summary>
public sealed class ModelMemory
{
    private const int PageBytes = 4096;
    private readonly Dictionary<uint, byte[]> _pages = [];

    /// <summary>The pages that were ever written.</summary>
    public IEnumerable<KeyValuePair<uint, byte[]>> Written => _pages;

    /// <summary>Reads a little-endian value that does not cross a page.</summary>
    public ulong Read(ulong address, int size)
    {
        if (!_pages.TryGetValue((uint)(address / PageBytes), out byte[]? page))
        {
            return 0;
        }

        int offset = (int)(address % PageBytes);
        return size == 4 ? BitConverter.ToUInt32(page, offset) : BitConverter.ToUInt64(page, offset);
    }

    /// <summary>Writes bytes that do not cross a page.</summary>
    public void Write(ulong address, ReadOnlySpan<byte> bytes)
    {
        if (!_pages.TryGetValue((uint)(address / PageBytes), out byte[]? page))
        {
            _pages[(uint)(address / PageBytes)] = page = new byte[PageBytes];
        }

        bytes.CopyTo(page.AsSpan((int)(address % PageBytes)));
    }

    /// <summary>Writes a little-endian value.</summary>
    public void Write(ulong address, ulong value, int size) => Write(address, BitConverter.GetBytes(value).AsSpan(0, size));

    /// <summary>The bytes of a page; null when it was never written.</summary>
    public byte[]? Page(uint page) => _pages.GetValueOrDefault(page);

    /// <summary>A memory with the same content.</summary>
    public ModelMemory Copy()
    {
        ModelMemory copy = new();
        foreach ((uint page, byte[] bytes) in _pages)
        {
            copy._pages[page] = (byte[])bytes.Clone();
        }

        return copy;
    }
}
