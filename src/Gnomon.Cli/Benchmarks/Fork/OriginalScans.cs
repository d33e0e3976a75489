using System.Buffers.Binary;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon.Cli.Benchmarks.Fork;

/// <summary>
/// Counts what the original's loops would have looked at in the shadow tables that are there: a flush of the original visited every
/// entry of every table below what it flushed, whether anything was mapped or not. The Switcher's own tables are left out.
/// </summary>
/// <remarks>
/// It reads the real shadow tables in the host's frames. Which roots there are it knows from the loads, and from the replacement
/// policy, in front of which it stands: with one virtual CPU a new root takes the first free slot, else its victim's.
/// </remarks>
internal sealed class OriginalScans(FormatShape shape, IReplacementPolicy policy, int slots) : IReplacementPolicy
{
    private readonly Pfn?[] _roots = new Pfn?[slots];
    private readonly Gpa[] _directories = new Gpa[slots];
    private HostMemory? _host;
    private uint _kernel;
    private int? _victim;
    private bool _isLinear = true;

    /// <summary>Entries visited so far.</summary>
    public long Entries { get; private set; }

    /// <inheritdoc/>
    public int ChooseVictim(Span<RootSlot> slots)
    {
        int victim = policy.ChooseVictim(slots);
        Entries += UserEntries(_roots[victim]!.Value);
        _victim = victim;
        return victim;
    }

    /// <summary>The guest has declared itself, in linear mode: everything is flushed.</summary>
    public void Begin(Gva kernelAddress) => _kernel = kernelAddress.Value;

    /// <summary>Before a flush of everything.</summary>
    public void All(IShadowMmu mmu, int cpu)
    {
        if (mmu.Cpu(cpu).IsLinear)
        {
            return;
        }

        foreach (Pfn? root in _roots)
        {
            Entries += root is { } frame ? TreeEntries(frame, shape.TopEntries) : 0;
        }
    }

    /// <summary>Before a flush of the current address space's user half.</summary>
    public void User(IShadowMmu mmu, int cpu) => Entries += mmu.Cpu(cpu).IsLinear ? 0 : UserEntries(mmu.Cpu(cpu).Root);

    /// <summary>Before a top-level entry is released.</summary>
    public void Top(IShadowMmu mmu, int cpu, Gpa directory, uint index)
    {
        if (mmu.Cpu(cpu).IsLinear)
        {
            return;
        }

        int slot = Array.IndexOf(_directories, Aligned(directory));
        if (slot >= 0 && _roots[slot] is { } root)
        {
            Entries += 1 + BelowTop(root, (int)index);
        }
    }

    /// <summary>Before a page table load.</summary>
    public void BeforeLoad(IShadowMmu mmu)
    {
        _host = mmu.Memory.Host;
        _victim = null;
    }

    /// <summary>After a page table load.</summary>
    public void AfterLoad(IShadowMmu mmu, int cpu)
    {
        Gpa directory = mmu.Cpu(cpu).Directory;
        if (_isLinear)
        {
            _isLinear = false;
            _directories.AsSpan().Fill(new Gpa(ulong.MaxValue));
        }

        int slot = Array.IndexOf(_directories, directory);
        if (slot < 0)
        {
            slot = _victim ?? Array.IndexOf(_roots, null);
            _directories[slot] = directory;
        }

        _roots[slot] = mmu.Cpu(cpu).Root;
    }

    private Gpa Aligned(Gpa directory) => new(directory.Value & ~(ulong)((shape.TopEntries * shape.EntryBytes) - 1));

    private long UserEntries(Pfn root) => TreeEntries(root, shape.IndexOf(_kernel, shape.Levels));

    // The first so many entries of a top-level table, and every entry of every table that hangs below them.
    private long TreeEntries(Pfn root, int tops)
    {
        long entries = tops;
        for (int index = 0; index < tops; index++)
        {
            entries += BelowTop(root, index);
        }

        return entries;
    }

    private long BelowTop(Pfn root, int index)
    {
        ulong entry = Read(root, index);
        bool last = index == shape.IndexOf(shape.DefaultSwitcher, shape.Levels);
        if ((entry & PageEntry.Present) == 0 || (shape.Levels == 2 && last))
        {
            return 0;
        }

        if (shape.Levels == 2)
        {
            return shape.TableEntries;
        }

        int children = 0;
        Pfn middle = Child(entry);
        for (int i = 0; i < shape.TableEntries; i++)
        {
            bool isSwitcher = last && i == shape.TableEntries - 1;
            children += (Read(middle, i) & PageEntry.Present) != 0 && !isSwitcher ? 1 : 0;
        }

        return children == 0 && last ? 0 : shape.TableEntries * (1L + children);
    }

    private static Pfn Child(ulong entry) => new((uint)((entry & PageEntry.AddressMask) >> PageSize.Shift));

    private ulong Read(Pfn table, int index)
    {
        ReadOnlySpan<byte> place = _host!.Bytes(table)[(index * shape.EntryBytes)..];
        return shape.EntryBytes == 4 ? BinaryPrimitives.ReadUInt32LittleEndian(place) : BinaryPrimitives.ReadUInt64LittleEndian(place);
    }
}
