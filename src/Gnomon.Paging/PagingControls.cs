namespace Gnomon.Paging;

/// <summary>What the control registers say about a walk (CR0.WP, CR4.PSE, EFER.NXE).</summary>
[Flags]
public enum PagingControls : byte
{
    /// <summary>Everything off.</summary>
    None = 0,

    /// <summary>CR0.WP: supervisor writes honour RW.</summary>
    WriteProtect = 1,

    /// <summary>CR4.PSE: two-level directories may hold 4 MiB pages. (PAE has large pages always.)</summary>
    LargePages = 2,

    /// <summary>EFER.NXE: bit 63 forbids fetches. (Two-level tables have no such bit.)</summary>
    NoExecute = 4,

    /// <summary>What a 32-bit Linux runs with.</summary>
    All = WriteProtect | LargePages | NoExecute,
}
