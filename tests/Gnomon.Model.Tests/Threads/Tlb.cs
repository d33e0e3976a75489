using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Model.Tests.Threads;

/// <summary>A small software TLB: what it holds is used without any lock until it is told to drop it.</summary>
internal sealed class Tlb : ITranslationCache
{
    private const int Size = 32;
    private readonly Line[] _lines = new Line[Size];

    /// <summary>Entries that were dropped on request.</summary>
    public long Dropped { get; private set; }

    /// <summary>Whether an access hits.</summary>
    public bool TryGet(uint address, bool write, out Pfn frame)
    {
        ref Line line = ref _lines[(address >> 12) % Size];
        frame = line.Frame;
        return line.IsValid && line.Page == address >> 12 && (!write || line.MayWrite);
    }

    /// <summary>Keeps what a walk found.</summary>
    public void Fill(uint address, HardwareTranslation translation) =>
        _lines[(address >> 12) % Size] = new Line(address >> 12, translation.Frame, translation.Writable && translation.Dirty, true);

    /// <inheritdoc/>
    public void Invalidate(in Invalidation what)
    {
        foreach (ref Line line in _lines.AsSpan())
        {
            if (line.IsValid && what.Covers(new Gva(line.Page << 12)))
            {
                Dropped++;
                line = what.Kind == InvalidationKind.WriteAccess ? line with { MayWrite = false } : default;
            }
        }
    }

    private readonly record struct Line(uint Page, Pfn Frame, bool MayWrite, bool IsValid);
}
