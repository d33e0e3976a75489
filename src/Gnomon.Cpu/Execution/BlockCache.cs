using System.Runtime.InteropServices;
using Gnomon.Memory;

namespace Gnomon.Cpu.Execution;

/// <summary>
/// The decoded blocks of one processor. Found by the host address of their first byte and the mode they were decoded in, so that one
/// decoding serves every address that the bytes are mapped at. A page's blocks go when a store hits bytes that they were decoded from.
/// </summary>
/// <remarks>Blocks that go are not freed at once, since one of them may be running: each of their ops is made to leave. Everything is freed
/// together, between two blocks, when the arena is full.</remarks>
// SAFETY: all pointers lead into the arena or the page records, native memory that this object owns and frees.
internal sealed unsafe class BlockCache : IDisposable
{
    private readonly byte* _arena;
    private readonly nuint _size;
    private readonly JumpEntry* _jumps;
    private readonly Dictionary<nint, nint> _pages = [];
    private readonly List<nint> _records = [];
    private readonly CpuState* _state;
    private nuint _used;
    private nint _lastPage;
    private CodePage* _lastRecord;

    /// <summary>An empty cache.</summary>
    /// <param name="state">The processor's state.</param>
    /// <param name="arenaBytes">How many bytes blocks may take together.</param>
    public BlockCache(CpuState* state, int arenaBytes)
    {
        _state = state;
        _size = (nuint)arenaBytes;
        _arena = (byte*)NativeMemory.AlignedAlloc(_size, 64);
        _jumps = (JumpEntry*)NativeMemory.AllocZeroed(1u << JumpEntry.Bits, (nuint)sizeof(JumpEntry));
        Scratch = (Block*)NativeMemory.AlignedAlloc((nuint)(sizeof(Block) + ((BlockBuilder.MaxInstructions + Ops.TailOps + 1) * sizeof(Op))), 64);
        Scratch->Count = 0;
        state->Jumps = _jumps;
        state->JumpKey = JumpEntry.OneGeneration;
    }

    /// <summary>Room for a block that is run once: the beginning of another.</summary>
    public Block* Scratch { get; }

    /// <summary>Blocks decoded so far.</summary>
    public long BlocksBuilt { get; private set; }

    /// <summary>Times that stores threw a page's blocks away.</summary>
    public long PagesDropped { get; private set; }

    /// <summary>Whether a block of the largest size still fits.</summary>
    public bool HasRoom => _size - _used >= (nuint)(sizeof(Block) + ((BlockBuilder.MaxInstructions + Ops.TailOps + 1) * sizeof(Op)));

    /// <summary>Whether blocks were decoded from the page that holds this host address.</summary>
    public bool HasCode(byte* host)
    {
        CodePage* record = Record(host);
        return record != null && record->Granules != 0;
    }

    /// <summary>The record of a page, made when there is none; blocks of another version go.</summary>
    public CodePage* Enter(byte* hostPage, uint version)
    {
        CodePage* record = Record(hostPage);
        if (record == null)
        {
            record = (CodePage*)NativeMemory.AllocZeroed((nuint)sizeof(CodePage));
            record->Host = hostPage;
            record->Version = version;
            _records.Add((nint)record);
            _pages[(nint)hostPage] = (nint)record;
            _lastPage = 0;
        }
        else if (record->Version != version)
        {
            Drop(record);
            record->Version = version;
        }

        return record;
    }

    /// <summary>Finds a block, or returns null.</summary>
    public static Block* Find(CodePage* page, byte* start, BlockMode mode)
    {
        for (Block* block = (Block*)page->First[BucketOf(start)]; block != null; block = block->Next)
        {
            if (block->Is(start, mode))
            {
                return block;
            }
        }

        return null;
    }

    /// <summary>Room for a block; <see cref="Add"/> says how much of it is used.</summary>
    public Block* Begin() => (Block*)(_arena + _used);

    /// <summary>Enters the block that was built where <see cref="Begin"/> said.</summary>
    /// <param name="page">The page of its first byte.</param>
    /// <param name="block">The block.</param>
    /// <param name="ops">Ops in it, its tail included.</param>
    /// <returns>Whether the page had no code before: stores to it must be caught from now on.</returns>
    public bool Add(CodePage* page, Block* block, int ops)
    {
        _used += (nuint)(sizeof(Block) + (ops * sizeof(Op)));
        BlocksBuilt++;
        ref ulong first = ref page->First[BucketOf(block->Start)];
        block->Next = (Block*)first;
        first = (ulong)block;
        uint offset = (uint)(block->Start - page->Host);
        return Mark(page, offset, Math.Min(block->Length, PageSize.Bytes - offset));
    }

    /// <summary>Notes that bytes of a page belong to code. Returns whether the page had none before.</summary>
    public static bool Mark(CodePage* page, uint offset, uint length)
    {
        bool fresh = page->Granules == 0;
        page->Granules |= MaskOf(offset, length);
        return fresh;
    }

    /// <summary>Takes an unlinked block out: its second page is another now.</summary>
    public static void Remove(CodePage* page, Block* block)
    {
        ulong* link = page->First + BucketOf(block->Start);
        while (*link != (ulong)block)
        {
            link = (ulong*)&((Block*)*link)->Next;
        }

        *link = (ulong)block->Next;
        Poison(block);
    }

    /// <summary>Bytes of a page with code have changed.</summary>
    /// <param name="host">The first byte.</param>
    /// <param name="length">How many; not past the page's end.</param>
    public void Stored(byte* host, uint length)
    {
        CodePage* record = Record(host);
        if (record != null && (record->Granules & MaskOf((uint)(host - record->Host), length)) != 0)
        {
            Drop(record);
        }
    }

    /// <summary>Forgets what jumps have found so far.</summary>
    public void ForgetJumps()
    {
        _state->JumpKey += JumpEntry.OneGeneration;
        if (_state->JumpKey < JumpEntry.OneGeneration)
        {
            // The number of the generation has begun anew: entries from long ago would look valid.
            ClearJumps();
            _state->JumpKey += JumpEntry.OneGeneration;
        }
    }

    /// <summary>Forgets what jumps to one linear page have found.</summary>
    /// <param name="address">Any address in it.</param>
    public void ForgetJumps(uint address)
    {
        JumpEntry* first = _jumps + JumpEntry.FirstOf(address);
        for (JumpEntry* entry = first; entry < first + (1 << JumpEntry.GroupBits); entry++)
        {
            if (((entry->Address ^ address) & ~PageSize.OffsetMask) == 0)
            {
                entry->Key = JumpEntry.Unconfirmed;
            }
        }
    }

    /// <summary>Throws everything away. Only between blocks.</summary>
    public void Clear()
    {
        foreach (nint record in _records)
        {
            NativeMemory.Free((void*)record);
        }

        _records.Clear();
        _pages.Clear();
        _lastPage = 0;
        _used = 0;
        ClearJumps();
    }

    public void Dispose()
    {
        Clear();
        NativeMemory.AlignedFree(_arena);
        NativeMemory.Free(_jumps);
        NativeMemory.AlignedFree(Scratch);
    }

    private void ClearJumps() => new Span<JumpEntry>(_jumps, 1 << JumpEntry.Bits).Clear();

    private static int BucketOf(byte* start) => (int)((nuint)start >> CodePage.GranuleShift) & (CodePage.Buckets - 1);

    private static ulong MaskOf(uint offset, uint length)
    {
        int first = (int)(offset >> CodePage.GranuleShift);
        int last = (int)((offset + length - 1) >> CodePage.GranuleShift);
        return (ulong.MaxValue << first) & (ulong.MaxValue >> (63 - last));
    }

    private CodePage* Record(byte* host)
    {
        nint page = (nint)host & ~(nint)PageSize.OffsetMask;
        if (page == _lastPage)
        {
            return _lastRecord;
        }

        _lastRecord = _pages.TryGetValue(page, out nint record) ? (CodePage*)record : null;
        _lastPage = page;
        return _lastRecord;
    }

    private void Drop(CodePage* record)
    {
        record->Drops++;
        if (record->Granules == 0)
        {
            return;
        }

        PagesDropped++;
        for (int bucket = 0; bucket < CodePage.Buckets; bucket++)
        {
            for (Block* block = (Block*)record->First[bucket]; block != null; block = block->Next)
            {
                Poison(block);
            }

            record->First[bucket] = 0;
        }

        record->Granules = 0;

        // What runs may be a copy of one of them.
        Poison(Scratch);
        ForgetJumps();
    }

    private static void Poison(Block* block)
    {
        block->Start = null;
        Op* head = Block.Head(block);
        for (int i = 0; i < block->Count; i++)
        {
            head[i].Run = &Dispatcher.Stale;
        }

        // The op that is running may be the last one, and follow its links next.
        Op* tail = head + block->Count;
        if (tail->Extra == OpExtra.Stop)
        {
            return;
        }

        if (tail->Extra == OpExtra.FallThrough)
        {
            tail++;
        }

        BlockLink* links = (BlockLink*)tail;
        links->Taken = tail + 1;
        links->Next = tail + 2;
        (tail + 1)->Run = &Dispatcher.Unlinked;
        (tail + 2)->Run = &Dispatcher.Unlinked;
    }
}
