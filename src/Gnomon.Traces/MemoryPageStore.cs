using Gnomon.Memory;

namespace Gnomon.Traces;

/// <summary>Keeps pages that the host takes back in ordinary memory: a replay needs no swap file.</summary>
public sealed class MemoryPageStore : IPageStore
{
    private readonly Dictionary<uint, byte[]> _pages = [];
    private uint _next;

    /// <inheritdoc/>
    public bool TryStore(ReadOnlySpan<byte> page, out uint slot)
    {
        slot = _next++;
        _pages[slot] = page.ToArray();
        return true;
    }

    /// <inheritdoc/>
    public bool TryLoad(uint slot, Span<byte> page)
    {
        if (!_pages.TryGetValue(slot, out byte[]? kept))
        {
            return false;
        }

        kept.CopyTo(page);
        return true;
    }

    /// <inheritdoc/>
    public void Free(uint slot) => _pages.Remove(slot);
}
