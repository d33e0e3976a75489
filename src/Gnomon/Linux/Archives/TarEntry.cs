namespace Gnomon.Linux.Archives;

/// <summary>What a tar archive's entry is.</summary>
internal enum TarEntryKind
{
    /// <summary>A regular file.</summary>
    File,

    /// <summary>A directory.</summary>
    Directory,

    /// <summary>Another name of a file that came before.</summary>
    HardLink,

    /// <summary>A symbolic link.</summary>
    SymbolicLink,

    /// <summary>A device, a pipe, or what this reader does not know.</summary>
    Other,
}

/// <summary>An entry of a tar archive, as the archive says; nothing of it may be believed.</summary>
/// <param name="Path">Its name.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Length">Bytes of its content.</param>
/// <param name="Target">Where a link leads; empty otherwise.</param>
/// <param name="Mode">The permission bits, 0 … 0xFFF.</param>
internal readonly record struct TarEntry(string Path, TarEntryKind Kind, long Length, string Target, int Mode);
