namespace Gnomon.Shadow.Tests.Fixture;

/// <summary>A page store in the process's own memory, with a moment to act in: just before a page is brought back.</summary>
internal sealed class MemoryStore : IPageStore
{
    private readonly Dictionary<uint, byte[]> _pages = [];
    private uint _next;

    /// <summary>Called once, in the middle of the operation that brings a page back.</summary>
    public Action? OnLoad { get; set; }

    /// <summary>Refuse everything: a full disk.</summary>
    public bool Full { get; set; }

    public int Count => _pages.Count;

    public bool TryStore(ReadOnlySpan<byte> page, out uint slot)
    {
        slot = _next;
        if (Full)
        {
            return false;
        }

        _pages[_next++] = page.ToArray();
        return true;
    }

    public bool TryLoad(uint slot, Span<byte> page)
    {
        Action? action = OnLoad;
        OnLoad = null;
        action?.Invoke();
        _pages[slot].CopyTo(page);
        return true;
    }

    public void Free(uint slot) => Assert.True(_pages.Remove(slot), "a slot was freed twice");
}
