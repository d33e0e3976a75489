namespace Gnomon.Paging;

/// <summary>What a walk ended with.</summary>
public enum WalkStatus
{
    /// <summary>The access is allowed; the page is known.</summary>
    Ok,

    /// <summary>A page fault, with its error code.</summary>
    Fault,

    /// <summary>The memory refused a table: <see cref="WalkResult.Physical"/> is where, <see cref="WalkResult.Code"/> its own reason.</summary>
    Refused,
}

/// <summary>What a walk found.</summary>
public struct WalkResult
{
    /// <summary>The 4 KiB page's physical address (inside a large page too), or where the memory refused.</summary>
    public ulong Physical { get; set; }

    /// <summary>Whether every level allows writing.</summary>
    public bool Writable { get; set; }

    /// <summary>Whether every level lets user code in.</summary>
    public bool User { get; set; }

    /// <summary>Whether no level forbids fetching.</summary>
    public bool Executable { get; set; }

    /// <summary>Whether D is set in the leaf.</summary>
    public bool Dirty { get; set; }

    /// <summary>Whether a large page maps it.</summary>
    public bool Large { get; set; }

    /// <summary>Whether G is set in the leaf; it counts only with CR4.PGE.</summary>
    public bool Global { get; set; }

    /// <summary>Whether the memory refused a write of a table (of A or D) and not a read.</summary>
    public bool RefusedWrite { get; set; }

    /// <summary>The page fault's error code, or the memory's reason.</summary>
    public PageFaultCode Code { get; set; }
}

/// <summary>Where page tables lie, for a walk. Implemented by structs, so that the compiler specialises the walk.</summary>
// SAFETY: who implements it answers for the pointers.
public unsafe interface ITableMemory
{
    /// <summary>Finds an entry.</summary>
    /// <param name="address">Its physical address.</param>
    /// <param name="write">Whether it will be written: A or D.</param>
    /// <param name="place">Where it is, aligned; null where no memory is: the entry reads as zero and takes no writes.</param>
    /// <param name="refusal">Why not, where the answer is no.</param>
    /// <returns>False where a second translation refuses.</returns>
    bool TryFind(ulong address, bool write, out byte* place, out PageFaultCode refusal);
}
