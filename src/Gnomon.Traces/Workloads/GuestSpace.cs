namespace Gnomon.Traces.Workloads;

/// <summary>An address space of a generated guest.</summary>
/// <param name="Directory">The guest-physical address of its top-level table.</param>
public sealed record GuestSpace(ulong Directory)
{
    /// <summary>The user pages it has mapped.</summary>
    public SortedSet<uint> UserPages { get; } = [];
}
