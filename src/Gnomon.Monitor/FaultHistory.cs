namespace Gnomon.Monitor;

/// <summary>The last page faults of a guest.</summary>
internal sealed class FaultHistory
{
    private const int Kept = 16;

    private readonly PagingEvent[] _events = new PagingEvent[Kept];
    private long _count;

    /// <summary>Enters one whose outcome is not known yet.</summary>
    /// <returns>Its place, until the next one.</returns>
    public ref PagingEvent Add(PagingEvent entry)
    {
        ref PagingEvent place = ref _events[_count++ % Kept];
        place = entry;
        return ref place;
    }

    /// <summary>Those that are kept, the oldest first.</summary>
    public IReadOnlyList<PagingEvent> ToList()
    {
        int count = (int)Math.Min(_count, Kept);
        PagingEvent[] events = new PagingEvent[count];
        for (int i = 0; i < count; i++)
        {
            events[i] = _events[(_count - count + i) % Kept];
        }

        return events;
    }
}
