namespace Gnomon.Cpu.Tests.Paging;

/// <summary>
/// Every combination of the bits that decide whether a page may be used, in both formats, against the manual's rules as
/// <see cref="PermissionRules"/> states them.
/// </summary>
public sealed class PermissionTests
{
    private const ulong Present = 1;
    private const ulong Accessed = 1 << 5;
    private const ulong Dirty = 1 << 6;
    private const ulong Large = 1 << 7;
    private const ulong NoExecute = 1UL << 63;
    private const uint DirectoryEntry = PagingBench.Directory + (PagingBench.Target >> 22 << 2);
    private const uint PaeDirectoryEntry = PagingBench.Directory + (PagingBench.Target >> 21 << 3);

    private static readonly Use[] Uses = [Use.Read, Use.Write, Use.Fetch];

    [Fact]
    public void TwoLevel_EveryCombination_AsTheManual()
    {
        using PagingBench bench = new(pae: false);
        int count = 0;
        foreach (ulong upper in Combinations(0, 1, 2, 7))
        {
            foreach (ulong leaf in Combinations(0, 1, 2))
            {
                foreach (Setting setting in Setting.All(noExecute: false))
                {
                    bool large = (upper & Large) != 0 && setting.LargePages;
                    Check(bench, [new(2, DirectoryEntry, upper), new(1, PagingBench.TargetTable, leaf)], large, setting, pae: false);
                    count++;
                }
            }
        }

        Console.WriteLine($"two-level page permissions: {count} cases");
        Assert.Equal(16 * 8 * 3 * 2 * 2 * 2, count);
    }

    [Fact]
    public void TwoLevel_EachReservedBit_OfALargePage()
    {
        using PagingBench bench = new(pae: false);
        int count = 0;
        for (int bit = 13; bit <= 21; bit++)
        {
            foreach (ulong upper in Combinations(0, 1, 2))
            {
                foreach (Setting setting in Setting.All(noExecute: false))
                {
                    // Without CR4.PSE bit 7 means nothing, and bits 12 to 31 are an address: that of another table, where nothing is present.
                    bool large = setting.LargePages;
                    Level top = new(2, DirectoryEntry, upper | Large) { Reserved = large, Extra = 1UL << bit };
                    Check(bench, [top, new(1, PagingBench.TargetTable, Absent)], large, setting, pae: false);
                    count++;
                }
            }
        }

        Console.WriteLine($"two-level reserved bits: {count} cases");
        Assert.Equal(9 * 8 * 3 * 2 * 2 * 2, count);
    }

    [Fact]
    public void Pae_EveryCombination_AsTheManual()
    {
        using PagingBench bench = new(pae: true);
        int count = 0;
        foreach (ulong pointer in Combinations(0))
        {
            foreach (ulong upper in Combinations(0, 1, 2, 7, 63))
            {
                foreach (ulong leaf in Combinations(0, 1, 2, 63))
                {
                    foreach (Setting setting in Setting.All(noExecute: true))
                    {
                        Level[] path = [new(3, PagingBench.Pointers, pointer), new(2, PaeDirectoryEntry, upper), new(1, PagingBench.TargetTable, leaf)];
                        path[1].Reserved = (upper & NoExecute) != 0 && !setting.NoExecute;
                        path[2].Reserved = (leaf & NoExecute) != 0 && !setting.NoExecute;
                        Check(bench, path, (upper & Large) != 0, setting, pae: true);
                        count++;
                    }
                }
            }
        }

        Console.WriteLine($"PAE page permissions: {count} cases");
        Assert.Equal(2 * 32 * 16 * 3 * 2 * 2 * 2 * 2, count);
    }

    [Fact]
    public void Pae_EachReservedBit_AtEachLevel()
    {
        using PagingBench bench = new(pae: true);
        int count = 0;
        for (int bit = 13; bit <= 62; bit++)
        {
            foreach (int level in (int[])[2, 1])
            {
                foreach (ulong flags in Combinations(0, 1, 2, 63))
                {
                    foreach (bool large in (bool[])[false, true])
                    {
                        // Addresses are 36 bits wide; in a large page bits 13 to 20 are reserved too.
                        bool reserved = bit >= 36 || (large && level == 2 && bit <= 20);
                        if (!reserved || (large && level == 1))
                        {
                            continue;
                        }

                        foreach (Setting setting in Setting.All(noExecute: true))
                        {
                            Level[] path = [new(3, PagingBench.Pointers, Present), new(2, PaeDirectoryEntry, Present | 6 | (large ? Large : 0)), new(1, PagingBench.TargetTable, Present | 6)];
                            int at = 3 - level;
                            path[at] = path[at] with { Flags = flags | (level == 2 && large ? Large : 0), Extra = 1UL << bit, Reserved = true };
                            Check(bench, path, large, setting, pae: true);
                            count++;
                        }
                    }
                }
            }
        }

        Console.WriteLine($"PAE reserved bits: {count} cases");
        Assert.Equal(((27 * 2) + 27 + 8) * 16 * 3 * 2 * 2 * 2 * 2, count);
    }

    private const ulong Absent = 0;

    private static IEnumerable<ulong> Combinations(params int[] bits) =>
        from number in Enumerable.Range(0, 1 << bits.Length)
        select bits.Index().Aggregate(0UL, (flags, bit) => flags | ((ulong)((number >> bit.Index) & 1) << bit.Item));

    private static void Check(PagingBench bench, Level[] path, bool large, Setting setting, bool pae)
    {
        foreach (Level level in path)
        {
            ulong address = level.Number switch
            {
                3 => PagingBench.Directory,
                2 => large ? PagingBench.TargetPage : PagingBench.TargetTable,
                _ => PagingBench.TargetPage,
            };
            ulong entry = address | level.Flags | level.Extra;
            if (pae)
            {
                bench.Put64(level.Place, entry);
            }
            else
            {
                bench.Put32(level.Place, (uint)entry);
            }
        }

        Level[] used = large ? path[..^1] : path;
        uint? expected = PermissionRules.Fault(used, setting, pae);
        uint? found = bench.Try(setting.Use, setting.User, setting.WriteProtect, setting.LargePages, setting.NoExecute);
        string name = $"{(pae ? "PAE" : "two-level")} {string.Join(", ", used.Select(level => $"level {level.Number}: {level.Flags | level.Extra:x}"))}, {setting}";
        Assert.True(expected == found, $"{name}: expected {Text(expected)}, got {Text(found)}");

        // A and D: on a use that was allowed A at every level that has it, D in the leaf of a write; a fault leaves the leaf as it was.
        Level leaf = used[^1];
        ulong after = bench.Get(leaf.Place) & (Accessed | Dirty);
        ulong wanted = expected is not null ? 0 : Accessed | (setting.Use == Use.Write ? Dirty : 0);
        Assert.True(after == wanted, $"{name}: A and D of the leaf are {after:x}, not {wanted:x}");
        foreach (Level upper in used[..^1].Where(level => level.Number != 3))
        {
            ulong bits = bench.Get(upper.Place) & (Accessed | Dirty);
            Assert.True((bits & Dirty) == 0, $"{name}: D at level {upper.Number}");
            Assert.True(expected is not null || bits == Accessed, $"{name}: A at level {upper.Number} is missing");
        }
    }

    private static string Text(uint? code) => code is uint value ? $"a fault with code {value:x}" : "no fault";
}

/// <summary>An entry of the path to the page.</summary>
/// <param name="Number">Its level, 1 for the last.</param>
/// <param name="Place">Its physical address.</param>
/// <param name="Flags">Its flags.</param>
internal sealed record Level(int Number, uint Place, ulong Flags)
{
    /// <summary>More bits.</summary>
    public ulong Extra { get; init; }

    /// <summary>Whether one of the bits set is reserved.</summary>
    public bool Reserved { get; set; }
}

/// <summary>What the control registers say, and how the page is used.</summary>
internal sealed record Setting(Use Use, bool User, bool WriteProtect, bool LargePages, bool NoExecute)
{
    /// <summary>All there are.</summary>
    public static IEnumerable<Setting> All(bool noExecute) =>
        from use in (Use[])[Use.Read, Use.Write, Use.Fetch]
        from user in (bool[])[false, true]
        from protect in (bool[])[false, true]
        from large in (bool[])[false, true]
        from execute in noExecute ? (bool[])[false, true] : [false]
        select new Setting(use, user, protect, large, execute);
}

/// <summary>The manual's rules, as it states them (Intel SDM vol. 3, 4.6.1 and 4.7): one question after the other, over the whole path.</summary>
internal static class PermissionRules
{
    /// <summary>The error code of the page fault, or null where the access is allowed.</summary>
    public static uint? Fault(Level[] path, Setting setting, bool pae)
    {
        uint code = (setting.Use == Use.Write ? 2u : 0) | (setting.User ? 4u : 0) | (setting.Use == Use.Fetch && pae && setting.NoExecute ? 16u : 0);

        // "P flag: not-present page" if some entry used has P clear; a reserved bit is looked for in entries that are present, from the top.
        foreach (Level level in path)
        {
            if ((level.Flags & 1) == 0)
            {
                return code;
            }

            if (level.Reserved)
            {
                return code | 1 | 8;
            }
        }

        Level[] withRights = [.. path.Where(level => level.Number != 3)];
        bool userPage = withRights.All(level => (level.Flags & 4) != 0);
        bool writable = withRights.All(level => (level.Flags & 2) != 0);
        bool executable = !pae || !setting.NoExecute || withRights.All(level => (level.Flags & (1UL << 63)) == 0);
        bool allowed = (setting.User, setting.Use) switch
        {
            (false, Use.Read) => true,
            (false, Use.Write) => writable || !setting.WriteProtect,
            (false, Use.Fetch) => executable,
            (true, Use.Read) => userPage,
            (true, Use.Write) => userPage && writable,
            (true, Use.Fetch) => userPage && executable,
            _ => throw new ArgumentOutOfRangeException(nameof(setting)),
        };
        return allowed ? null : code | 1;
    }
}
