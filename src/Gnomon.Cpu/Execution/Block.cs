using System.Runtime.InteropServices;
using Gnomon.Memory;

namespace Gnomon.Cpu.Execution;

/// <summary>
/// A run of decoded instructions that is entered at its start. This header, then the ops, the last of them a terminal one, then its
/// <see cref="BlockLink"/> and two stubs.
/// </summary>
// SAFETY: lies in a BlockCache's native memory.
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal unsafe struct Block
{
    /// <summary>The host address of the first byte: with <see cref="Mode"/> what the block is found by. Null once it was thrown away.</summary>
    public byte* Start;

    /// <summary>The next block of the same bucket.</summary>
    public Block* Next;

    /// <summary>The host page that the block's only instruction ends in, where it crosses a page; else null.</summary>
    public byte* SecondPage;

    /// <summary>That page's <see cref="CodePage.Drops"/> when the block was made: the block is listed in the first page only.</summary>
    public uint SecondDrops;

    /// <summary>What it was decoded under.</summary>
    public BlockMode Mode;

    /// <summary>Bytes of code.</summary>
    public ushort Length;

    /// <summary>Instructions.</summary>
    public ushort Count;

    /// <summary>The first op of a block.</summary>
    public static Op* Head(Block* block) => (Op*)(block + 1);

    /// <summary>The block of its first op.</summary>
    public static Block* Of(Op* head) => (Block*)head - 1;

    /// <summary>Whether it was decoded from these bytes in this mode, and they have not changed.</summary>
    public readonly bool Is(byte* start, BlockMode mode) => Start == start && Mode == mode;
}

/// <summary>The blocks that were decoded from one page of the host.</summary>
// SAFETY: its memory belongs to a BlockCache, which frees it as a whole.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CodePage
{
    /// <summary>log2 of the bytes of a granule.</summary>
    public const int GranuleShift = 6;

    /// <summary>Buckets of blocks, by granule of the first byte.</summary>
    public const int Buckets = 64;

    /// <summary>The page's first byte.</summary>
    public byte* Host;

    /// <summary>The granules that code was decoded from, a bit each: a store to another one harms no block.</summary>
    public ulong Granules;

    /// <summary>The version of the bytes.</summary>
    public uint Version;

    /// <summary>Times that the page's blocks were thrown away.</summary>
    public uint Drops;

    /// <summary>The first block of each bucket: <see cref="Block"/> pointers.</summary>
    public fixed ulong First[Buckets];
}

/// <summary>
/// An entry of the jump cache: from a linear address to a block. There are valid entries of a page only while the fetch TLB of their privilege
/// knows the page; all of them lie in one group, so that they go quickly when it does not any more.
/// </summary>
// SAFETY: its memory belongs to a BlockCache, which frees it as a whole.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct JumpEntry
{
    /// <summary>log2 of the entries.</summary>
    public const int Bits = 13;

    /// <summary>log2 of the entries of a group.</summary>
    public const int GroupBits = 6;

    /// <summary>The key of an entry that must be confirmed: no generation has the number 0.</summary>
    public const uint Unconfirmed = 0;

    /// <summary>What <see cref="CpuState.JumpKey"/> grows by with each flush: mode and privilege lie below.</summary>
    public const uint OneGeneration = 1u << 8;

    /// <summary>The linear address of the block's first byte.</summary>
    public uint Address;

    /// <summary>See <see cref="CpuState.JumpKey"/>. An entry of another key is not used before the fetch TLB has confirmed that its
    /// address still leads to its block's bytes.</summary>
    public uint Key;

    /// <summary>The block's first op, or null in an entry that was never used.</summary>
    public Op* Head;

    /// <summary>The entry that an address selects.</summary>
    public static uint IndexOf(uint address) => FirstOf(address) | ((address ^ (address >> GroupBits)) & ((1u << GroupBits) - 1));

    /// <summary>The first entry of the group for the page of an address.</summary>
    public static uint FirstOf(uint address) => (address >> (PageSize.Shift - GroupBits)) & ((1u << Bits) - (1u << GroupBits));
}
