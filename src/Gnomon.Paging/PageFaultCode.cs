namespace Gnomon.Paging;

/// <summary>The error code of a page fault (Intel SDM vol. 3, 4.7).</summary>
[Flags]
public enum PageFaultCode : uint
{
    /// <summary>A supervisor read of a page that is not present.</summary>
    None = 0,

    /// <summary>Bit 0: the page was present; its rights forbade the access.</summary>
    Present = 1,

    /// <summary>Bit 1: the access was a write.</summary>
    Write = 2,

    /// <summary>Bit 2: the access came from user code.</summary>
    User = 4,

    /// <summary>Bit 3: a reserved bit was set in an entry.</summary>
    Reserved = 8,

    /// <summary>Bit 4: the access was an instruction fetch (PAE with NX enabled only).</summary>
    Fetch = 16,
}
