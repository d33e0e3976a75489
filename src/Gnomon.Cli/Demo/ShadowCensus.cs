using System.Buffers.Binary;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Cli.Demo;

/// <summary>What hangs below the root of one address space.</summary>
/// <param name="Directory">The address of the guest's top-level table.</param>
/// <param name="IsCurrent">Whether the guest runs in it.</param>
/// <param name="Leaves">Leaf tables.</param>
/// <param name="Shared">Those of them that another address space has as well.</param>
/// <param name="Pages">Pages mapped.</param>
/// <param name="Loads">Times that it was loaded.</param>
/// <param name="LastLoad">When it was loaded last.</param>
internal sealed record SpaceCount(ulong Directory, bool IsCurrent, int Leaves, int Shared, int Pages, int Loads, long LastLoad);

/// <summary>Counts shadow tables as a processor finds them: by walking from the roots, in the frames of the host.</summary>
internal sealed class ShadowCensus
{
    private const ulong Present = 1;
    private const ulong FrameMask = 0x000F_FFFF_FFFF_F000;

    private readonly HostMemory _host;
    private readonly bool _pae;
    private readonly Dictionary<uint, (int Level, int Users, int Pages)> _tables = [];
    private uint _switcher;

    private ShadowCensus(HostMemory host, bool pae) => (_host, _pae) = (host, pae);

    /// <summary>The address spaces whose roots are kept: the current one, then the latest.</summary>
    public IReadOnlyList<SpaceCount> Spaces { get; private set; } = [];

    /// <summary>How many levels there are.</summary>
    public int Levels => _pae ? 3 : 2;

    /// <summary>Tables of a level; each counted once.</summary>
    public int TablesOf(int level) => _tables.Values.Count(table => table.Level == level);

    /// <summary>Leaf tables that more than one address space has.</summary>
    public int Shared => _tables.Values.Count(table => table is { Level: 1, Users: > 1 });

    /// <summary>Counts. Between two stretches of the guest only.</summary>
    public static ShadowCensus Take(PagingFeed feed)
    {
        ShadowCpu cpu = feed.Cpu(0);
        ShadowCensus census = new(feed.Memory.Host, feed.FormatName == "pae");
        List<(ulong Directory, LoadedSpace Space, List<uint> Leaves)> found = [];
        census._switcher = census.SwitcherLeaf(cpu.Root);
        foreach ((ulong directory, LoadedSpace space) in feed.Spaces)
        {
            bool current = !cpu.IsLinear && cpu.Directory.Value == directory;
            Pfn root = current ? cpu.Root : space.Root;
            List<uint> leaves = [];
            if (census.SwitcherLeaf(root) == census._switcher)
            {
                census.Visit(root.Value, census.Levels, leaves);
                found.Add((directory, space, leaves));
            }
        }

        census.Spaces =
        [
            .. found.Select(entry => new SpaceCount(
                    entry.Directory,
                    !cpu.IsLinear && cpu.Directory.Value == entry.Directory,
                    entry.Leaves.Count,
                    entry.Leaves.Count(leaf => census._tables[leaf].Users > 1),
                    entry.Leaves.Sum(leaf => census._tables[leaf].Pages),
                    entry.Space.Loads,
                    entry.Space.LastLoad))
                .OrderByDescending(space => space.IsCurrent).ThenByDescending(space => space.LastLoad),
        ];
        return census;
    }

    // Every root of a virtual CPU links one leaf table, the Switcher's, and nothing else does: so a frame that was a root once is known
    // for one still. 0 for none.
    private uint SwitcherLeaf(Pfn root)
    {
        uint frame = root.Value;
        for (int level = Levels; level > 1; level--)
        {
            if (frame == 0 || frame > (uint)_host.FrameLimit || _host.References(new Pfn(frame)) == 0)
            {
                return 0;
            }

            ulong entry = EntryAt(_host.Bytes(new Pfn(frame)), EntriesOf(level) - 1);
            frame = (entry & Present) == 0 ? 0 : (uint)((entry & FrameMask) >> PageSize.Shift);
        }

        return frame;
    }

    private void Visit(uint frame, int level, List<uint> leaves)
    {
        ReadOnlySpan<byte> bytes = _host.Bytes(new Pfn(frame));
        int present = 0;
        for (int i = 0; i < EntriesOf(level); i++)
        {
            ulong entry = EntryAt(bytes, i);
            uint below = (uint)((entry & FrameMask) >> PageSize.Shift);
            if ((entry & Present) == 0 || (level == 2 && below == _switcher))
            {
                continue;
            }

            present++;
            if (level == 2)
            {
                leaves.Add(below);
            }

            if (level > 1)
            {
                Visit(below, level - 1, leaves);
            }
        }

        (int _, int users, int _) = _tables.GetValueOrDefault(frame);
        _tables[frame] = (level, users + 1, present);
    }

    private int EntriesOf(int level) => level == 3 ? 4 : _pae ? 512 : 1024;

    private ulong EntryAt(ReadOnlySpan<byte> table, int index) => _pae
        ? BinaryPrimitives.ReadUInt64LittleEndian(table[(8 * index)..])
        : BinaryPrimitives.ReadUInt32LittleEndian(table[(4 * index)..]);
}
