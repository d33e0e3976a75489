using CsCheck;
using Gnomon.Shadow;

namespace Gnomon.Guests.Tests.Monitored.Fuzz;

/// <summary>Makes steps for <see cref="FuzzKernel"/>. A wild kernel asks for anything, and soon dies of it; a tame one stays inside what a guest
/// may do, and leaves its own code and stack alone, so that it gets far.</summary>
internal static class FuzzSteps
{
    private const uint Tables = FuzzKernel.Tables;

    private static readonly uint[] _wild =
    [
        0, 0xFFF, FuzzKernel.Base, FuzzKernel.Data, FuzzKernel.Data + 24, FuzzKernel.Data + 88, FuzzKernel.Commands, FuzzKernel.Free,
        FuzzKernel.Stack, FuzzKernel.Stack - 4, 0x3F_FFFC, 0x40_0000, 0x50_0000, 0xBFFF_FFFC, 0xC000_0000, 0xFFBF_F000, 0xFFC0_0000,
        0xFFC0_1000, 0xFFC0_2000, 0xFFE0_0000, 0xFFE0_1000, 0xFFFF_F000, 0xFFFF_FFFF,
    ];

    /// <summary>A kernel and how it is run.</summary>
    public static Gen<(bool Pae, Coherence Coherence, int Slots, int Prefault, bool Small, Step[] Steps)> Cases { get; } =
        Gen.Select(
            Gen.Bool,
            Gen.Enum<Coherence>(),
            Gen.Int[1, 3],
            Gen.Bool,
            Gen.Bool,
            Gen.Int[0, 3].SelectMany(kind => Steps(tame: kind > 0).Array[1, FuzzKernel.MaxSteps]))
        .Select((pae, coherence, slots, wide, small, steps) => (pae, coherence, slots, wide ? 16 : 1, small, steps));

    private static Gen<uint> Top { get; } = Gen.UInt[0, 1].Select(which => Tables + (which << 12));

    // Entries that may change without the kernel's own mapping going: those above its first 2 MiB, and those of free pages.
    private static Gen<uint> TableWord { get; } = Gen.Select(Gen.UInt[0, 4], Gen.UInt[4, 1023]).Select((page, word) =>
        Tables + (page << 12) + (page == 3 ? 0xC00 + ((word & 255) << 2) : word << 2));

    // In the reach of the tables' words, and in the kernel's own first 4 MiB behind its code.
    private static Gen<uint> TameAddress { get; } = Gen.Frequency(
        (3, TableWord),
        (3, Gen.Select(Gen.UInt[0x180, 0x3FF], Gen.UInt[0, 1023]).Select((page, word) => (page << 12) + (word << 2))),
        (2, Gen.Select(Gen.UInt[1, 3], Gen.UInt[0, 0x3F], Gen.UInt[0, 0xFFF]).Select((span, page, offset) => (span << 22) + (page << 12) + offset)),
        (2, Gen.Select(Gen.UInt[2, 3], Gen.UInt[0, 0xFFFFF]).Select((span, offset) => (span << 30) + offset)));

    private static Gen<uint> WildAddress { get; } = Gen.Frequency(
        (4, Gen.UInt[0, 4].Select(page => Tables + (page << 12))),
        (4, Gen.Select(Gen.UInt[0, 4], Gen.UInt[0, 1023]).Select((page, word) => Tables + (page << 12) + (word << 2))),
        (2, Gen.UInt[0, 1023].Select(page => page << 12)),
        (3, Gen.Int[0, _wild.Length - 1].Select(i => _wild[i])),
        (1, Gen.UInt));

    private static Gen<uint> Selector { get; } = Gen.Frequency((3, Gen.UInt[0, 0x107]), (1, Gen.Int[0, 3].Select(i => 0x61u + (8 * (uint)i))), (1, Gen.UInt));

    private static Gen<Step> Steps(bool tame)
    {
        Gen<uint> address = tame ? TameAddress : WildAddress;
        Gen<uint> table = tame ? Gen.UInt[0, 4].Select(page => Tables + (page << 12)) : WildAddress;
        Gen<uint> frame = tame ? Gen.Frequency((2, table), (3, Gen.UInt[0x180, 0x3FF].Select(page => page << 12))) : WildAddress;
        Gen<uint> entry = Gen.Frequency(
            (5, frame.Select(place => (place & ~0xFFFu) | 0x67)),
            (3, Gen.Select(frame, Gen.UInt[0, 0x7F]).Select((place, flags) => (place & ~0xFFFu) | flags)),
            (1, tame ? Gen.Const(0u) : Gen.UInt));
        Gen<uint> word = tame ? Gen.UInt[0, 40] : Gen.Frequency((3, address), (3, entry), (3, Gen.UInt[0, 40]), (1, Gen.UInt));
        return Gen.Frequency(
            (tame ? 0 : 4, Gen.Select(Gen.UInt[0, 20], word, word, word, word).Select((a, b, c, d, e) => new Step(Deed.Call, a == 2 ? 3 : a, b, c, d, e))),
            (3, (tame ? Top : WildAddress).Select(a => new Step(Deed.Call, 4, a, 0, 0, 0))),
            (6, Gen.Select(tame ? Top : table, address, entry).Select((a, b, c) => new Step(Deed.Call, 14, a & ~0xFFFu, b, c, 0))),
            (2, Gen.Select(tame ? Top : table, Gen.UInt[0, tame ? 3u : 0x401]).Select((a, b) => new Step(Deed.Call, 15, a & ~0xFFFu, b, 0, 0))),
            (tame ? 0 : 2, Gen.Select(table, Gen.UInt[0, 512]).Select((a, b) => new Step(Deed.Call, 13, a, b, 0, 0))),
            (2, Gen.UInt[0, 1].Select(all => new Step(Deed.Call, 5, all, 0, 0, 0))),
            (2, Gen.Select(tame ? Gen.UInt[0, 2].Select(i => FuzzKernel.Stack - (i * 16)) : address, Gen.UInt[0, tame ? 1u : 2]).Select((top, pages) => new Step(Deed.Call, 7, 0x69, top, pages, 0))),
            (2, Gen.Select(Gen.UInt[0, 31], Gen.UInt, Gen.UInt).Select((n, low, high) => new Step(Deed.Call, 18, n == 12 || n == 13 ? 14 : n, low, high, 0))),
            (2, Gen.Select(Gen.UInt[tame ? 33u : 0, 255], Gen.UInt, Gen.UInt).Select((n, low, high) => new Step(Deed.Call, 6, n, low, (high & ~0x1F00u) | 0xE00 | (high & 0x100), 0))),
            (1, address.Select(place => new Step(Deed.Call, 16, tame ? FuzzKernel.Free : place, 0, 0, 0))),
            (6, Gen.Select(tame ? TableWord : address, entry).Select((a, b) => new Step(Deed.Store, a, b, 0, 0, 0))),
            (4, Gen.Select(Gen.UInt[0, 63], Gen.UInt[0, 5], word).Select((slot, place, value) => Ring(slot, place, value, tame))),
            (6, address.Select(a => new Step(Deed.Read, a, 0, 0, 0, 0))),
            (2, Gen.Select(tame ? TableWord : address, tame ? Gen.Const(0u) : word).Select((a, b) => new Step(Deed.Exchange, a, b, 0, 0, 0))),
            (2, Gen.Select(Selector, Selector).Select((a, b) => new Step(Deed.Segments, a, b, 0, 0, 0))),
            (tame ? 0 : 2, Gen.Select(address, word).Select((a, b) => new Step(Deed.Stack, a, b, 0, 0, 0))),
            (tame ? 0 : 2, Gen.Select(address, Selector, Gen.UInt, address, Selector).Select((a, b, c, d, e) => new Step(Deed.Return, a, b, c, d, e))));
    }

    // Words of the ring: a status, which makes it a call, or one of its five words. A tame one only asks for flushes and the FPU.
    private static Step Ring(uint slot, uint word, uint value, bool tame) => word switch
    {
        0 => new Step(Deed.Store, FuzzKernel.Data + 24 + (slot & ~3u), value & 0xFF, 0, 0, 0),
        1 => new Step(Deed.Store, FuzzKernel.Data + 88 + (slot * 20), tame ? 5 + ((value & 1) * 3) : value & 15, 0, 0, 0),
        _ => new Step(Deed.Store, FuzzKernel.Data + 88 + (slot * 20) + ((word - 1) * 4), value, 0, 0, 0),
    };
}
