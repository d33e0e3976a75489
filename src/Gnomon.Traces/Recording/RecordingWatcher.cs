using Gnomon.Memory;

namespace Gnomon.Traces.Recording;

/// <summary>Stands in front of what shadow tables hear of their guest's memory, and tells of the stores first.</summary>
/// <param name="inner">The shadow tables' ear.</param>
/// <param name="stored">Is told of each store: where, and how many bytes.</param>
internal sealed class RecordingWatcher(IGuestMemoryWatcher inner, Action<Gpa, int> stored) : IGuestMemoryWatcher
{
    /// <inheritdoc/>
    public void Stored(Gpa address, int length)
    {
        stored(address, length);
        inner.Stored(address, length);
    }

    /// <inheritdoc/>
    public void DropMappings(Gfn page) => inner.DropMappings(page);

    /// <inheritdoc/>
    public bool PrepareReclaim(Gfn page) => inner.PrepareReclaim(page);

    /// <inheritdoc/>
    public void ProtectAll() => inner.ProtectAll();

    /// <inheritdoc/>
    public void Ending() => inner.Ending();
}
