using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gnomon.Cpu;

/// <summary>The numbers of the segment registers, as instructions encode them.</summary>
internal static class Segment
{
    public const int Es = 0;
    public const int Cs = 1;
    public const int Ss = 2;
    public const int Ds = 3;
    public const int Fs = 4;
    public const int Gs = 5;
}

/// <summary>ES CS SS DS FS GS.</summary>
[InlineArray(6)]
internal struct SegmentRegisters
{
    private SegmentRegister _first;
}

/// <summary>
/// A segment register: selector, and the part that software does not see (Intel SDM vol. 3, 3.4.3). Limit and type are digested
/// into a range of offsets and two rights, so that a check is a few comparisons.
/// </summary>
//  Access, as in the upper half of a descriptor (bits 8 to 23 of its second word):
//
//  15  14  13  12  11      8  7  6 5  4  3        0
//  +---+---+---+---+---------+---+----+---+--------+
//  | G |D/B| - |AVL|   -     | P |DPL | S |  type  |
//  +---+---+---+---+---------+---+----+---+--------+
[StructLayout(LayoutKind.Sequential)]
internal struct SegmentRegister
{
    public const int TypeMask = 0xF;
    public const int IsCodeOrData = 1 << 4;
    public const int IsPresent = 1 << 7;
    public const int IsBig = 1 << 14;
    public const int IsGranular = 1 << 15;

    /// <summary>The selector.</summary>
    public ushort Selector;

    /// <summary>Type, S, DPL, P, AVL, D/B, G. Zero for a null selector.</summary>
    public ushort Access;

    /// <summary>The linear address of offset 0.</summary>
    public uint Base;

    /// <summary>The limit in bytes, granularity applied: the last valid offset (expand-down: the last invalid one).</summary>
    public uint Limit;

    /// <summary>The lowest offset that may be used.</summary>
    public uint Lowest;

    /// <summary>The highest offset that may be used.</summary>
    public uint Highest;

    /// <summary>Whether data may be read.</summary>
    public bool Readable;

    /// <summary>Whether data may be written.</summary>
    public bool Writable;

    /// <summary>The type field, 0 … 15.</summary>
    public readonly int Type => Access & TypeMask;

    /// <summary>The descriptor's privilege level.</summary>
    public readonly int Dpl => (Access >> 5) & 3;

    /// <summary>The D or B bit: 32-bit code, or a 32-bit stack pointer.</summary>
    public readonly bool Big => (Access & IsBig) != 0;

    /// <summary>Whether the whole 4 GiB can be read and written at base 0.</summary>
    public readonly bool IsFlat => Base == 0 && Lowest == 0 && Highest == uint.MaxValue && Readable && Writable;

    /// <summary>Loads the register and its digest.</summary>
    /// <param name="selector">What software sees.</param>
    /// <param name="base">The base.</param>
    /// <param name="limit">The limit in bytes, granularity applied.</param>
    /// <param name="access">As <see cref="Access"/>.</param>
    public void Load(ushort selector, uint @base, uint limit, int access)
    {
        Selector = selector;
        Access = (ushort)access;
        Base = @base;
        Limit = limit;
        bool code = (access & 8) != 0;
        bool expandDown = !code && (access & 4) != 0;
        uint highest = expandDown ? ((access & IsBig) != 0 ? uint.MaxValue : 0xFFFF) : limit;
        bool usable = (access & (IsPresent | IsCodeOrData)) == (IsPresent | IsCodeOrData) && !(expandDown && limit >= highest);
        Lowest = expandDown ? limit + 1 : 0;
        Highest = highest;
        Readable = usable && (!code || (access & 2) != 0);
        Writable = usable && !code && (access & 2) != 0;
    }

    /// <summary>The register after a null selector: no access is allowed (Intel SDM vol. 3, 3.4.2).</summary>
    public void LoadNull(ushort selector) => Load(selector, 0, 0, 0);

    /// <summary>Whether <paramref name="size"/> bytes at an offset may be read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool MayRead(uint offset, uint size) =>
        Readable & offset >= Lowest & offset <= Highest & Highest - offset >= size - 1;

    /// <summary>Whether <paramref name="size"/> bytes at an offset may be written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool MayWrite(uint offset, uint size) =>
        Writable & offset >= Lowest & offset <= Highest & Highest - offset >= size - 1;
}
