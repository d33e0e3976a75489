namespace Gnomon.Shadow;

/// <summary>
/// How many shadow tables are linked at each place of the address space, all address spaces together. If as many parents hang one
/// table at a place as there are links there, every address space shares it, and a change in it needs no visit elsewhere.
/// </summary>
/// <remarks>
/// A place is the index path from the root. A table that hangs at two different places makes the counts useless for good
/// (<see cref="AreExact"/>): then every address space is visited, which is slower and just as right.
/// </remarks>
internal sealed class LinkCounts(int levels, int indexBits, int topEntries)
{
    private readonly int[][] _counts = Make(levels, indexBits, topEntries);

    public bool AreExact { get; set; } = true;

    /// <summary>The place of a child: the place of its parent and the index in it.</summary>
    public static int Place(int parentPlace, int index, int indexBits) => (parentPlace << indexBits) | index;

    public ref int At(int childLevel, int place) => ref _counts[childLevel][place];

    private static int[][] Make(int levels, int indexBits, int topEntries)
    {
        var counts = new int[levels][];
        counts[0] = [];
        for (int childLevel = 1; childLevel < levels; childLevel++)
        {
            counts[childLevel] = new int[topEntries << (indexBits * (levels - 1 - childLevel))];
        }

        return counts;
    }
}
