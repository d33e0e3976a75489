namespace Gnomon.Memory;

/// <summary>Where the host puts the content of pages that it takes back. Called with the guest's lock held.</summary>
public interface IPageStore
{
    /// <summary>Keeps a page.</summary>
    /// <param name="page">4096 bytes.</param>
    /// <param name="slot">Names it in the other calls.</param>
    /// <returns>False when the store is full or fails; nothing is kept then.</returns>
    bool TryStore(ReadOnlySpan<byte> page, out uint slot);

    /// <summary>Reads a page back; it stays stored until <see cref="Free"/>.</summary>
    /// <returns>False when it cannot be read.</returns>
    bool TryLoad(uint slot, Span<byte> page);

    /// <summary>Forgets a page.</summary>
    void Free(uint slot);
}
