namespace Gnomon;

/// <summary>What becomes of the bytes that a guest writes to a disk.</summary>
public enum DiskAccess
{
    /// <summary>They go into the file; no other machine may use it meanwhile.</summary>
    ReadWrite,

    /// <summary>The guest is told that the disk cannot be written. Several machines may share the file.</summary>
    ReadOnly,

    /// <summary>They are kept in memory, and are gone with the machine. Several machines may share the file.</summary>
    CopyOnWrite,
}

/// <summary>A disk of a machine: a file of the host, sector after sector of 512 bytes.</summary>
/// <param name="Path">The file.</param>
/// <param name="Access">What becomes of what is written.</param>
public sealed record MachineDisk(string Path, DiskAccess Access = DiskAccess.ReadWrite);
