namespace Gnomon.Shadow.Tests.Fixture;

/// <summary>
/// A TLB that forgets nothing by itself, tagged by root: a translation that the engine took back without saying so is used again
/// and shows. Each kind of access has its own entry, so a write never rides on a read's.
/// </summary>
internal sealed class TestTlb : ITranslationCache
{
    private readonly Dictionary<(uint Root, uint Page, PageFaultCode Kind), (Pfn Frame, Gfn? Page)> _entries = [];

    /// <summary>Every order that came, in order.</summary>
    public List<Invalidation> Orders { get; } = [];

    /// <summary>Called once, when the next order arrives and before it is obeyed.</summary>
    public Action? OnInvalidate { get; set; }

    public bool TryFind(Pfn root, uint address, PageAccess access, out (Pfn Frame, Gfn? Page) found) =>
        _entries.TryGetValue((root.Value, address >> 12, access.Code), out found);

    public void Fill(Pfn root, uint address, PageAccess access, (Pfn Frame, Gfn? Page) found) =>
        _entries[(root.Value, address >> 12, access.Code)] = found;

    public void Invalidate(in Invalidation what)
    {
        Action? action = OnInvalidate;
        OnInvalidate = null;
        action?.Invoke();
        Orders.Add(what);
        foreach ((uint Root, uint Page, PageFaultCode Kind) key in _entries.Keys.ToArray())
        {
            bool root = what.Root == Pfn.None || what.Root.Value == key.Root;
            bool kind = what.Kind == InvalidationKind.Translations || (key.Kind & PageFaultCode.Write) != 0;
            if (root && kind && what.Covers(new Gva(key.Page << 12)))
            {
                _entries.Remove(key);
            }
        }
    }
}
