using Gnomon.Memory;

namespace Gnomon.Model.Tests.Driving;

/// <summary>A page store in memory, with a limit.</summary>
/// <param name="limit">Pages at most.</param>
public sealed class TestPageStore(int limit) : IPageStore
{
    private readonly Dictionary<uint, byte[]> _pages = [];
    private uint _next;

    /// <summary>Pages kept.</summary>
    public int PagesStored => _pages.Count;

    /// <inheritdoc/>
    public bool TryStore(ReadOnlySpan<byte> page, out uint slot)
    {
        slot = _next;
        if (_pages.Count >= limit)
        {
            return false;
        }

        _pages.Add(_next++, page.ToArray());
        return true;
    }

    /// <inheritdoc/>
    public bool TryLoad(uint slot, Span<byte> page)
    {
        _pages[slot].CopyTo(page);
        return true;
    }

    /// <inheritdoc/>
    public void Free(uint slot)
    {
        if (!_pages.Remove(slot))
        {
            throw new InvalidOperationException($"Slot {slot} was freed twice.");
        }
    }
}
