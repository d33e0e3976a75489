namespace Gnomon.Shadow;

/// <summary>The counters of one guest's shadow tables. Read them with the guest's lock held for a consistent picture.</summary>
public sealed class ShadowStatistics
{
    /// <summary>Page faults handled, whatever came of them.</summary>
    public long Faults { get; internal set; }

    /// <summary>Faults that ended with the page mapped.</summary>
    public long Fixed { get; internal set; }

    /// <summary>Faults that were the guest's own.</summary>
    public long GuestFaults { get; internal set; }

    /// <summary>Faults on device windows or the open bus.</summary>
    public long DeviceFaults { get; internal set; }

    /// <summary>Stores to watched pages that came as faults.</summary>
    public long WatchedFaults { get; internal set; }

    /// <summary>Walks begun again: the guest's entry had changed meanwhile, memory was reclaimed, or a table began to be watched.</summary>
    public long Retries { get; internal set; }

    /// <summary>Leaves made by faults and by pinning.</summary>
    public long LeavesMapped { get; internal set; }

    /// <summary>Faults that found a leaf of the same page: it keeps its frame and reference, and has the rights that hold now.</summary>
    public long LeavesUpgraded { get; internal set; }

    /// <summary>Leaves made as neighbours of a fault.</summary>
    public long LeavesPrefaulted { get; internal set; }

    /// <summary>Leaves made, or changed in place, from an entry that the guest announced or stored.</summary>
    public long LeavesConverted { get; internal set; }

    /// <summary>Leaves that went.</summary>
    public long LeavesReleased { get; internal set; }

    /// <summary>Leaves present now.</summary>
    public long LeavesPresent { get; internal set; }

    /// <summary>Shadow tables made.</summary>
    public long TablesMade { get; internal set; }

    /// <summary>Shadow tables found by their key when a path was built: shared instead of made.</summary>
    public long TablesShared { get; internal set; }

    /// <summary>Shadow tables that went.</summary>
    public long TablesReleased { get; internal set; }

    /// <summary>Shadow tables present now.</summary>
    public long TablesPresent { get; internal set; }

    /// <summary>The most shadow tables that were present at once.</summary>
    public long TablesPeak { get; internal set; }

    /// <summary>Shadow tables taken by the shrinker.</summary>
    public long TablesTrimmed { get; internal set; }

    /// <summary>Guest pages taken back by the engine itself because the host had no frame left.</summary>
    public long PagesEvicted { get; internal set; }

    /// <summary>Page table loads.</summary>
    public long Loads { get; internal set; }

    /// <summary>Page table loads that found their root in the cache.</summary>
    public long LoadsKnown { get; internal set; }

    /// <summary>Address spaces that gave their slot to another.</summary>
    public long RootsReplaced { get; internal set; }

    /// <summary>Single entries that the guest announced (leaf, mid and top level).</summary>
    public long Updates { get; internal set; }

    /// <summary>User flushes.</summary>
    public long UserFlushes { get; internal set; }

    /// <summary>Full flushes.</summary>
    public long FullFlushes { get; internal set; }

    /// <summary>Single-page invalidations.</summary>
    public long PageInvalidations { get; internal set; }

    /// <summary>Shadow tables compared with the guest's.</summary>
    public long Resyncs { get; internal set; }

    /// <summary>Entries that a comparison kept.</summary>
    public long EntriesKept { get; internal set; }

    /// <summary>Entries that a comparison dropped.</summary>
    public long EntriesDropped { get; internal set; }

    /// <summary>Stores to watched pages that were reported.</summary>
    public long WatchedStores { get; internal set; }

    /// <summary>Times that a page began to be watched; coming back into step at a lazy load is not counted.</summary>
    public long PagesWatched { get; internal set; }

    /// <summary>Guest pages that turned out to be no table any more.</summary>
    public long TablesAbandoned { get; internal set; }

    /// <summary>Stack pages pinned.</summary>
    public long StackPins { get; internal set; }

    /// <summary>Times the Switcher's pages of a host CPU were mapped.</summary>
    public long SwitcherMaps { get; internal set; }

    /// <summary>Invalidations posted to virtual CPUs.</summary>
    public long Invalidations { get; internal set; }

    /// <summary>The counters by name, in a fixed order, for printing.</summary>
    public IEnumerable<KeyValuePair<string, long>> All()
    {
        yield return new("faults", Faults);
        yield return new("fixed", Fixed);
        yield return new("guest-faults", GuestFaults);
        yield return new("device-faults", DeviceFaults);
        yield return new("watched-faults", WatchedFaults);
        yield return new("retries", Retries);
        yield return new("leaves-mapped", LeavesMapped);
        yield return new("leaves-upgraded", LeavesUpgraded);
        yield return new("leaves-prefaulted", LeavesPrefaulted);
        yield return new("leaves-converted", LeavesConverted);
        yield return new("leaves-released", LeavesReleased);
        yield return new("leaves-present", LeavesPresent);
        yield return new("tables-made", TablesMade);
        yield return new("tables-shared", TablesShared);
        yield return new("tables-released", TablesReleased);
        yield return new("tables-present", TablesPresent);
        yield return new("tables-peak", TablesPeak);
        yield return new("tables-trimmed", TablesTrimmed);
        yield return new("pages-evicted", PagesEvicted);
        yield return new("loads", Loads);
        yield return new("loads-known", LoadsKnown);
        yield return new("roots-replaced", RootsReplaced);
        yield return new("updates", Updates);
        yield return new("user-flushes", UserFlushes);
        yield return new("full-flushes", FullFlushes);
        yield return new("page-invalidations", PageInvalidations);
        yield return new("resyncs", Resyncs);
        yield return new("entries-kept", EntriesKept);
        yield return new("entries-dropped", EntriesDropped);
        yield return new("watched-stores", WatchedStores);
        yield return new("pages-watched", PagesWatched);
        yield return new("tables-abandoned", TablesAbandoned);
        yield return new("stack-pins", StackPins);
        yield return new("switcher-maps", SwitcherMaps);
        yield return new("invalidations", Invalidations);
    }
}
