using System.Buffers.Binary;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon.Cli.Benchmarks.Fork;

/// <summary>
/// Counts refaults: faults that the guest did not cause. The page had been mapped in this address space, by a fault or from an entry
/// that the guest announced, with the right that is wanted now; since then the guest has announced no change of it, and its entries
/// are what they were; and still the shadows do not have it, because the host threw it away.
/// </summary>
internal sealed class Refaults(FormatShape shape)
{
    private readonly Dictionary<(ulong Directory, uint Page), Path> _mapped = [];
    private Path? _before;

    /// <summary>Refaults so far.</summary>
    public long Count { get; private set; }

    /// <summary>Where the guest kernel's half begins: its mappings are every address space's.</summary>
    public Gva KernelAddress { get; set; }

    /// <summary>Before a fault: what the guest's tables say.</summary>
    public void BeforeFault(IShadowMmu mmu, int cpu, Gva address) =>
        _before = mmu.Cpu(cpu).IsLinear ? null : Walk(mmu.Memory, mmu.Cpu(cpu).Directory, address);

    /// <summary>After a fault.</summary>
    public void AfterFault(IShadowMmu mmu, int cpu, Gva address, PageFaultCode code, FaultOutcome outcome)
    {
        if (outcome.Kind != FaultKind.Mapped || _before is not { } before)
        {
            return;
        }

        Gpa directory = mmu.Cpu(cpu).Directory;
        (ulong, uint) key = (directory.Value, PageOf(address));
        ulong wanted = (code & PageFaultCode.Write) != 0 ? PageEntry.Dirty : PageEntry.Accessed;
        if (_mapped.TryGetValue(key, out Path known) && known == before && (known.Leaf & wanted) != 0)
        {
            Count++;
        }

        if (Walk(mmu.Memory, directory, address) is { } after)
        {
            _mapped[key] = after;
        }
    }

    /// <summary>The guest has announced a leaf entry.</summary>
    /// <param name="mmu">The shadow tables.</param>
    /// <param name="directory">The address space.</param>
    /// <param name="address">What the entry maps.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="converted">Whether the shadows have it already.</param>
    public void Announced(IShadowMmu mmu, Gpa directory, Gva address, ulong entry, bool converted)
    {
        uint page = PageOf(address);
        ulong top = Aligned(directory);
        Forget(address.Value >= KernelAddress.Value, top, (key, _) => key == page);
        if (converted && Walk(mmu.Memory, new Gpa(top), address) is { } path)
        {
            _mapped[(top, page)] = path with { Leaf = entry };
        }
    }

    /// <summary>The guest has announced a top-level entry.</summary>
    public void TopChanged(IShadowMmu mmu, Gpa directory, uint index) => Forget(
        index >= (uint)shape.IndexOf(KernelAddress.Value, shape.Levels),
        Aligned(directory),
        (page, _) => shape.IndexOf(page, shape.Levels) == (int)index);

    /// <summary>The guest has announced a middle entry.</summary>
    public void MiddleChanged(Gpa table, uint index) => Forget(
        true,
        0,
        (page, path) => (path.Top & PageEntry.AddressMask) == table.Page.Address.Value && shape.IndexOf(page, 2) == (int)index);

    private static uint PageOf(Gva address) => address.Value & ~PageSize.OffsetMask;

    private ulong Aligned(Gpa directory) => directory.Value & ~(ulong)((shape.TopEntries * shape.EntryBytes) - 1);

    private void Forget(bool everywhere, ulong directory, Func<uint, Path, bool> which)
    {
        foreach (((ulong Directory, uint Page) key, Path path) in _mapped)
        {
            if ((everywhere || key.Directory == directory) && which(key.Page, path))
            {
                _mapped.Remove(key);
            }
        }
    }

    // The entries on the way to an address; null where the way ends early.
    private Path? Walk(GuestMemory memory, Gpa directory, Gva address)
    {
        Span<ulong> entries = stackalloc ulong[4];
        ulong table = Aligned(directory);
        for (int level = shape.Levels; level > 0; level--)
        {
            entries[level] = Read(memory, table + (ulong)(shape.IndexOf(address.Value, level) * shape.EntryBytes));
            if ((entries[level] & PageEntry.Present) == 0)
            {
                return null;
            }

            table = entries[level] & PageEntry.AddressMask;
        }

        return new Path(entries[shape.Levels], entries[2], entries[1]);
    }

    private ulong Read(GuestMemory memory, ulong place)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        return memory.Read(new Gpa(place), bytes[..shape.EntryBytes]) == PageStatus.Ok ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : 0;
    }

    private readonly record struct Path(ulong Top, ulong Middle, ulong Leaf);
}
