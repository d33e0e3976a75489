using Gnomon.Memory;

namespace Gnomon.Paging;

/// <summary>What an invalidation takes away.</summary>
public enum InvalidationKind
{
    /// <summary>The right to write: translations stay, but must not be used for writing.</summary>
    WriteAccess,

    /// <summary>The translations themselves.</summary>
    Translations,
}

/// <summary>An order to drop cached translations: which root, which addresses, and what of them.</summary>
/// <param name="Root">The frame of the table that they were walked from; <see cref="Pfn.None"/> for every root.</param>
/// <param name="Start">The first address; page aligned.</param>
/// <param name="Length">Bytes, a multiple of 4096; 2³² with start 0 is everything.</param>
/// <param name="Kind">What goes.</param>
public readonly record struct Invalidation(Pfn Root, Gva Start, ulong Length, InvalidationKind Kind)
{
    /// <summary>The length of the whole address space.</summary>
    public const ulong WholeSpace = 1UL << 32;

    /// <summary>Everything, from every root.</summary>
    public static Invalidation Everything => new(Pfn.None, default, WholeSpace, InvalidationKind.Translations);

    /// <summary>One page, from every root.</summary>
    public static Invalidation OfPage(Gva page, InvalidationKind kind) => new(Pfn.None, page.Page, PageSize.Bytes, kind);

    /// <summary>Whether an address is meant.</summary>
    public bool Covers(Gva address) => address.Value >= Start.Value && address.Value - (ulong)Start.Value < Length;
}

/// <summary>Whatever keeps translations: a TLB, translated code, an external mirror of the page tables.</summary>
public interface ITranslationCache
{
    /// <summary>Drops what is named; it is gone on return. Called on the thread of the virtual CPU, between instructions.</summary>
    void Invalidate(in Invalidation what);
}
