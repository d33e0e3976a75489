namespace Gnomon.Memory;

//  struct GuestPage: what stands behind one guest page, 8 bytes
//
//  63           48 47           32 31                              0
//  +--------------+---------------+--------------------------------+
//  |     Pins     |     Flags     | Backing: frame, or store slot  |
//  +--------------+---------------+--------------------------------+

/// <summary>The state of one guest page. Owned by <see cref="GuestMemory"/>; read by the shadow tables on every fault.</summary>
public struct GuestPage
{
    internal uint Backing;
    internal GuestPageState State;
    internal ushort Pins;

    /// <summary>The state bits.</summary>
    public readonly GuestPageState Flags => State;

    /// <summary>The frame behind the page; meaningful while <see cref="GuestPageState.Present"/> is set.</summary>
    public readonly Pfn Frame => new(Backing);
}

/// <summary>The state bits of a guest page.</summary>
[Flags]
public enum GuestPageState : ushort
{
    /// <summary>Not backed yet: reads as zero, and the first use takes a zero-filled frame.</summary>
    None = 0,

    /// <summary>A frame stands behind the page.</summary>
    Present = 1,

    /// <summary>The frame may be shared copy-on-write with another guest.</summary>
    Shared = 2,

    /// <summary>The page can be read and never written.</summary>
    ReadOnly = 4,

    /// <summary>A shadowed guest table lies in the page and stores to it are reported.</summary>
    Watched = 8,

    /// <summary>Nothing is there: the page can be neither read nor written.</summary>
    Hole = 16,

    /// <summary>The content lies in the page store.</summary>
    Stored = 32,

    /// <summary>A device window covers the page; it wins over memory.</summary>
    Device = 64,
}

/// <summary>How an access to guest memory ended.</summary>
public enum PageStatus
{
    /// <summary>Done.</summary>
    Ok,

    /// <summary>The address is at or past the end of guest memory.</summary>
    OutsideMemory,

    /// <summary>Nothing is there (<see cref="GuestPageState.Hole"/>).</summary>
    Hole,

    /// <summary>A write to a page that can only be read.</summary>
    ReadOnly,

    /// <summary>The host has no frame left for the page.</summary>
    OutOfMemory,

    /// <summary>The page store could not take or give the content.</summary>
    StoreFailed,

    /// <summary>The page may not be taken: it is pinned, or the watcher refused.</summary>
    Busy,

    /// <summary>The value at the address was not the expected one; nothing was written.</summary>
    Changed,
}
