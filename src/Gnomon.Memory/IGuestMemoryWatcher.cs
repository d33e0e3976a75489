namespace Gnomon.Memory;

/// <summary>
/// Who must hear what happens to guest memory: the shadow tables. Called with the guest's lock held.
/// Every call is complete on return: no virtual CPU uses an older translation any more.
/// </summary>
public interface IGuestMemoryWatcher
{
    /// <summary>A store has changed bytes of a watched page. The bytes are in memory already.</summary>
    /// <param name="address">The first byte.</param>
    /// <param name="length">Bytes, at least 1, never past the page's end.</param>
    void Stored(Gpa address, int length);

    /// <summary>The frame behind a page is about to change or go: drop every mapping of it.</summary>
    void DropMappings(Gfn page);

    /// <summary>A page is about to be taken back by the host: drop its mappings and the shadows of guest tables in it.</summary>
    /// <returns>False when it must stay: something in use depends on it.</returns>
    bool PrepareReclaim(Gfn page);

    /// <summary>All of memory is about to be shared copy-on-write: take the right to write from every mapping.</summary>
    void ProtectAll();

    /// <summary>The memory is about to be disposed: let go of every frame of it.</summary>
    void Ending()
    {
    }
}
