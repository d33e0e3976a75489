using System.Globalization;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Cli.Demo;

/// <summary>An address space that the guest has loaded.</summary>
internal sealed class LoadedSpace
{
    /// <summary>The frame of its shadow root, when it was loaded last.</summary>
    public Pfn Root { get; set; }

    /// <summary>Times that it was loaded.</summary>
    public int Loads { get; set; }

    /// <summary>When it was loaded last; larger is later.</summary>
    public long LastLoad { get; set; }
}

/// <summary>Listens to a guest's shadow tables: which address spaces it loads, and why tables come and go.</summary>
internal sealed class PagingFeed(IShadowMmu inner) : ShadowObserver(inner)
{
    private const int Kept = 64;

    private readonly Dictionary<ulong, LoadedSpace> _spaces = [];
    private readonly Queue<string> _events = new();
    private long _made;
    private long _released;
    private long _replaced;

    /// <summary>The address spaces by the address of their top-level table.</summary>
    public IReadOnlyDictionary<ulong, LoadedSpace> Spaces => _spaces;

    /// <summary>Why tables came and went lately, the latest last.</summary>
    public IEnumerable<string> Events => _events;

    /// <inheritdoc/>
    public override FaultOutcome DemandPage(int cpu, Gva address, PageFaultCode code)
    {
        FaultOutcome outcome = base.DemandPage(cpu, address, code);
        Note($"fault at {Text(address.Value)}");
        return outcome;
    }

    /// <inheritdoc/>
    public override bool LoadPageTable(int cpu, Gpa directory)
    {
        bool loaded = base.LoadPageTable(cpu, directory);
        Pfn root = Inner.Cpu(cpu).Root;
        foreach ((ulong other, LoadedSpace space) in _spaces)
        {
            if (space.Root == root && other != Inner.Cpu(cpu).Directory.Value)
            {
                // Its root has gone, and the frame is another's now.
                _spaces.Remove(other);
                break;
            }
        }

        ulong address = Inner.Cpu(cpu).Directory.Value;
        if (!_spaces.TryGetValue(address, out LoadedSpace? known))
        {
            _spaces.Add(address, known = new LoadedSpace());
        }

        known.Root = root;
        known.Loads++;
        known.LastLoad = Statistics.Loads;
        Note($"load of {Text((uint)address)}");
        return loaded;
    }

    /// <inheritdoc/>
    public override void SetPgd(int cpu, Gpa directory, uint index)
    {
        base.SetPgd(cpu, directory, index);
        Note($"entry {index} of {Text((uint)directory.Value)}");
    }

    /// <inheritdoc/>
    public override void SetPmd(int cpu, Gpa table, uint index)
    {
        base.SetPmd(cpu, table, index);
        Note($"entry {index} of {Text((uint)table.Value)}");
    }

    /// <inheritdoc/>
    public override void FlushUser(int cpu)
    {
        base.FlushUser(cpu);
        Note("user flush");
    }

    /// <inheritdoc/>
    public override void ClearAll(int cpu)
    {
        base.ClearAll(cpu);
        Note("full flush");
    }

    /// <inheritdoc/>
    public override void SetStack(int cpu, Gva top, int pages)
    {
        base.SetStack(cpu, top, pages);
        Note("kernel stack");
    }

    /// <inheritdoc/>
    public override void SetPte(int cpu, Gpa directory, Gva address, ulong entry)
    {
        base.SetPte(cpu, directory, address, entry);
        Note($"entry for {Text(address.Value)}");
    }

    private static string Text(uint address) => string.Create(CultureInfo.InvariantCulture, $"0x{address:x8}");

    private void Note(string why)
    {
        ShadowStatistics now = Statistics;
        long made = now.TablesMade - _made, released = now.TablesReleased - _released;
        if (made == 0 && released == 0)
        {
            return;
        }

        string evicted = now.RootsReplaced != _replaced ? ", slot needed" : "";
        (_made, _released, _replaced) = (now.TablesMade, now.TablesReleased, now.RootsReplaced);
        _events.Enqueue($"{(made > 0 ? $"+{made}" : ""),3} {(released > 0 ? $"-{released}" : ""),3}  {why}{evicted}");
        if (_events.Count > Kept)
        {
            _events.Dequeue();
        }
    }
}
