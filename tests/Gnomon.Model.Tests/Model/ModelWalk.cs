namespace Gnomon.Model.Tests.Model;

/// <summary>How a walk of the guest's tables ended.</summary>
public enum WalkEnd
{
    /// <summary>At a leaf.</summary>
    Found,

    /// <summary>At an entry that is not present.</summary>
    NotPresent,

    /// <summary>At an entry with a reserved bit.</summary>
    Reserved,

    /// <summary>At a table that is not in memory.</summary>
    Outside,
}

/// <summary>One entry that a walk read.</summary>
/// <param name="Level">1 is the level of 4 KiB pages.</param>
/// <param name="Address">Where it stands; <see cref="ModelWalk.Register"/> for a register.</param>
/// <param name="Entry">Its value.</param>
public readonly record struct WalkStep(int Level, ulong Address, ulong Entry);

/// <summary>A walk's path and what it grants.</summary>
public sealed class ModelWalk
{
    /// <summary>The address of an entry that is held in a register or invented.</summary>
    public const ulong Register = ulong.MaxValue;

    /// <summary>How it ended.</summary>
    public WalkEnd End { get; set; }

    /// <summary>The entries, from the top.</summary>
    public List<WalkStep> Steps { get; } = [];

    /// <summary>RW at every level that has it.</summary>
    public bool Writable { get; set; } = true;

    /// <summary>US at every level that has it.</summary>
    public bool User { get; set; } = true;

    /// <summary>No NX anywhere.</summary>
    public bool Executable { get; set; } = true;

    /// <summary>Whether the leaf is a large page.</summary>
    public bool Large { get; set; }

    /// <summary>The 4 KiB guest page.</summary>
    public ulong Page { get; set; }

    /// <summary>The leaf entry.</summary>
    public ulong Leaf => Steps[^1].Entry;

    /// <summary>A in every upper entry that has one.</summary>
    public bool UpperAccessed { get; set; } = true;
}
