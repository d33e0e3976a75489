namespace Gnomon.Memory.Tests.Fixture;

/// <summary>A page store in memory that can be full or lose what it holds.</summary>
internal sealed class ListStore(int limit = int.MaxValue) : IPageStore
{
    private readonly Dictionary<uint, byte[]> _pages = [];
    private uint _next;

    public int Count => _pages.Count;

    public bool IsBroken { get; set; }

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

    public bool TryLoad(uint slot, Span<byte> page)
    {
        if (IsBroken)
        {
            return false;
        }

        _pages[slot].CopyTo(page);
        return true;
    }

    public void Free(uint slot) => Assert.True(_pages.Remove(slot), $"slot {slot} was freed twice");
}
