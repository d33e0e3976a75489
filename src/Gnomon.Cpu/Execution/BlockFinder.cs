using Gnomon.Cpu.Memory;
using Gnomon.Memory;

namespace Gnomon.Cpu.Execution;

/// <summary>From EIP to the block that begins there: through the fetch TLB, the cache of blocks, and the decoder.</summary>
// SAFETY: the state is the processor's; host pages come from the fetch TLB, whose entries are dropped before a page can go.
internal sealed unsafe class BlockFinder
{
    private readonly CpuState* _state;
    private readonly LinearMemory _linear;
    private readonly BlockCache _blocks;
    private readonly BlockBuilder _builder = new();

    public BlockFinder(CpuState* state, LinearMemory linear, BlockCache blocks)
    {
        _state = state;
        _linear = linear;
        _blocks = blocks;
    }

    /// <summary>The block that begins at EIP, decoded if need be.</summary>
    /// <returns>Its first op, or null: then the reason is pending.</returns>
    public Op* Find()
    {
        CpuState* c = _state;
        uint address = c->CodeBase + c->Eip;
        bool flat = (c->Mode & BlockMode.FlatCode) != 0;
        ref SegmentRegister code = ref c->Segments[Segment.Cs];
        if (!flat && c->Eip > code.Limit)
        {
            Ops.Raise(c, Vector.GeneralProtection, 0);
            return null;
        }

        FetchEntry* fetch = _linear.TranslateFetch(address);
        if (fetch == null)
        {
            return null;
        }

        if (!_blocks.HasRoom)
        {
            _blocks.Clear();
            _linear.Flush(keepGlobal: false);
            return Find();
        }

        CodePage* page = PageOf(fetch);
        byte* start = fetch->Host + (address & PageSize.OffsetMask);
        JumpEntry* jump = c->Jumps + JumpEntry.IndexOf(address);
        if (flat && jump->Address == address && jump->Head != null && Block.Of(jump->Head)->Is(start, c->Mode))
        {
            // Another process's translations, or those before a flush, led to the same bytes.
            jump->Key = c->JumpKey;
            return jump->Head;
        }

        Block* block = BlockCache.Find(page, start, c->Mode);
        if (block != null && block->SecondPage != null && !SecondPageIsSame(block, address))
        {
            if (c->Pending != Pending.None)
            {
                return null;
            }

            BlockCache.Remove(page, block);
            block = null;
        }

        if (block == null)
        {
            block = Build(page, start, address);
            if (block == null)
            {
                return null;
            }
        }

        if (!flat)
        {
            return FitToLimit(block, code.Limit - c->Eip);
        }

        if (block->SecondPage == null)
        {
            *jump = new JumpEntry { Address = address, Key = c->JumpKey, Head = Block.Head(block) };
        }

        return Block.Head(block);
    }

    // The record of a page's blocks, which the fetch TLB keeps at hand.
    private CodePage* PageOf(FetchEntry* fetch)
    {
        if (fetch->Code == null)
        {
            fetch->Code = _blocks.Enter(fetch->Host, fetch->Version);
        }

        return fetch->Code;
    }

    private Block* Build(CodePage* page, byte* start, uint address)
    {
        Block* block = _blocks.Begin();
        int ops = _builder.Build(block, start, _state->Mode);
        if (ops == 0)
        {
            FetchEntry* second = _linear.TranslateFetch((address & ~PageSize.OffsetMask) + PageSize.Bytes);
            if (second == null)
            {
                return null;
            }

            byte* host = second->Host;
            CodePage* secondPage = PageOf(second);
            ops = _builder.BuildCrossing(block, start, host, _state->Mode);
            block->SecondDrops = secondPage->Drops;
            uint inSecond = (uint)(block->Length - (PageSize.Bytes - (int)((nuint)start & PageSize.OffsetMask)));
            if (BlockCache.Mark(secondPage, 0, Math.Max(inSecond, 1)))
            {
                _linear.ProtectPage(host);
            }
        }

        if (_blocks.Add(page, block, ops))
        {
            _linear.ProtectPage(page->Host);
        }

        return block;
    }

    private bool SecondPageIsSame(Block* block, uint address)
    {
        FetchEntry* second = _linear.TranslateFetch((address & ~PageSize.OffsetMask) + PageSize.Bytes);
        if (second == null || second->Host != block->SecondPage)
        {
            return false;
        }

        return PageOf(second)->Drops == block->SecondDrops;
    }

    // Instructions that would cross the code segment's limit are cut off; the first of them faults when it is reached.
    private Op* FitToLimit(Block* block, uint room)
    {
        Op* head = Block.Head(block);
        if (block->Length - 1u <= room)
        {
            return head;
        }

        int fitting = 0;
        while (head[fitting].EipOffset + (uint)head[fitting].Length - 1 <= room)
        {
            fitting++;
        }

        if (fitting == 0)
        {
            Ops.Raise(_state, Vector.GeneralProtection, 0);
            return null;
        }

        BlockBuilder.Shorten(head, fitting, _blocks.Scratch);
        return Block.Head(_blocks.Scratch);
    }
}
