using Gnomon.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Execution;

/// <summary>Decodes bytes into a block of ops.</summary>
// SAFETY: bytes are read up to the end of the host page that the caller translated; ops go to room that the caller reserved for
// MaxInstructions and a tail.
internal sealed unsafe class BlockBuilder
{
    /// <summary>Instructions in a block at most.</summary>
    public const int MaxInstructions = 48;

    /// <summary>Bytes of an instruction at most (Intel SDM vol. 2, 2.3.11).</summary>
    public const int MaxLength = 15;

    // What the profile lacks must not change what its prefixes mean: F3 0F BC is BSF here, not TZCNT; the hints are NOPs.
    private const DecoderOptions Options = DecoderOptions.ForceReservedNop | DecoderOptions.NoMPFX_0FBC | DecoderOptions.NoMPFX_0FBD;

    private readonly BytesReader _reader = new();
    private readonly Decoder _decoder16;
    private readonly Decoder _decoder32;
    private readonly InstructionTable _table = InstructionTable.Instance;
    private OpBuilder _builder;

    public BlockBuilder()
    {
        _decoder16 = Decoder.Create(16, _reader, Options);
        _decoder32 = Decoder.Create(32, _reader, Options);
    }

    /// <summary>Decodes a block.</summary>
    /// <param name="block">Where it goes; its start and mode are set here.</param>
    /// <param name="start">The first byte.</param>
    /// <param name="mode">The mode.</param>
    /// <returns>The ops used, tail included; 0 when the first instruction crosses into the next page.</returns>
    public int Build(Block* block, byte* start, BlockMode mode)
    {
        int available = PageSize.Bytes - (int)((nuint)start & PageSize.OffsetMask);
        Decoder decoder = Begin(block, start, mode);
        int count = 0;
        uint at = 0;
        while (count < MaxInstructions && at < available)
        {
            int left = available - (int)at;
            _reader.Set(start + at, Math.Min(left, MaxLength));
            Op* op = Block.Head(block) + count;
            _builder.Bytes = start + at;
            if (!TryDecode(decoder, op, at, left >= MaxLength))
            {
                break;
            }

            count++;
            at += op->Length;
            if (_builder.EndsBlock)
            {
                break;
            }
        }

        return count == 0 ? 0 : End(block, count, at);
    }

    /// <summary>Decodes the one instruction that crosses from one page into the next.</summary>
    /// <param name="block">Where it goes.</param>
    /// <param name="start">Its first byte.</param>
    /// <param name="second">The first byte of the page behind.</param>
    /// <param name="mode">The mode.</param>
    /// <returns>The ops used.</returns>
    public int BuildCrossing(Block* block, byte* start, byte* second, BlockMode mode)
    {
        byte* bytes = stackalloc byte[MaxLength];
        int first = PageSize.Bytes - (int)((nuint)start & PageSize.OffsetMask);
        for (int i = 0; i < MaxLength; i++)
        {
            bytes[i] = i < first ? start[i] : second[i - first];
        }

        Decoder decoder = Begin(block, start, mode);
        _reader.Set(bytes, MaxLength);
        Op* op = Block.Head(block);
        _builder.Bytes = bytes;
        TryDecode(decoder, op, 0, whole: true);
        block->SecondPage = second;
        return End(block, 1, op->Length);
    }

    /// <summary>Makes a block of the first instructions of another one, which leaves behind them.</summary>
    public static void Shorten(Op* head, int count, Block* scratch)
    {
        Op* target = Block.Head(scratch);
        bool whole = count >= head->Remaining;
        int copied = whole ? head->Remaining : count;
        uint end = 0;
        for (int i = 0; i < copied; i++)
        {
            target[i] = head[i];
            target[i].Remaining = (ushort)(copied - i);
            end = head[i].EipOffset + (uint)head[i].Length;
        }

        scratch->Count = (ushort)copied;
        if (whole && !IsOpen(head + copied))
        {
            // It ends with a branch: that one needs links.
            Tail(target + copied);
            return;
        }

        target[copied] = new Op { Run = &Dispatcher.Stop, Extra = OpExtra.Stop, Displacement = end };
    }

    private static bool IsOpen(Op* behind) => behind->Extra == OpExtra.FallThrough;

    private Decoder Begin(Block* block, byte* start, BlockMode mode)
    {
        *block = new Block { Start = start, Mode = mode };
        _builder.Mode = mode;
        _builder.EndsBlock = false;
        return (mode & BlockMode.Code32) != 0 ? _decoder32 : _decoder16;
    }

    // False when the bytes end before the instruction does and there may be more of them.
    private bool TryDecode(Decoder decoder, Op* op, uint at, bool whole)
    {
        decoder.IP = at;
        decoder.Decode(out _builder.Instruction);
        bool cut = _builder.Instruction.IsInvalid && decoder.LastError == DecoderError.NoMoreBytes;
        if (cut && !whole)
        {
            return false;
        }

        bool tooLong = cut || (_builder.Instruction.IsInvalid && whole && IsTooLong(decoder, _builder.Bytes));

        *op = new Op
        {
            EipOffset = (ushort)at,
            Length = (byte)(tooLong ? MaxLength : _builder.Instruction.Length),
            Code = (ushort)_builder.Instruction.Code,
        };
        _builder.Op = op;
        if (tooLong)
        {
            _builder.SetLast(&TooLong);
            return true;
        }

        delegate*<ref OpBuilder, void> maker = _builder.Instruction.IsInvalid ? null : _table.Find(_builder.Instruction.Code);
        if (maker == null || (_builder.Instruction.HasLockPrefix && !MayLock()))
        {
            _builder.SetLast(&Undefined);
            return true;
        }

        op->Flags = (_builder.Instruction.HasLockPrefix ? OpFlags.Lock : 0)
            | (_builder.Instruction.HasRepPrefix ? OpFlags.Repeat : 0)
            | (_builder.Instruction.HasRepnePrefix ? OpFlags.RepeatNotEqual : 0);
        maker(ref _builder);
        return true;
    }

    // Iced calls an instruction of more than 15 bytes invalid, as it does one that does not exist: with each prefix that a length depends on
    // once, and without all others, the two differ. No instruction is so long then.
    private bool IsTooLong(Decoder decoder, byte* bytes)
    {
        byte* kept = stackalloc byte[MaxLength];
        int count = 0;
        int at = 0;
        for (; at < MaxLength && OpBuilder.IsPrefix(bytes[at]); at++)
        {
            if (bytes[at] is 0x66 or 0x67 or 0xF2 or 0xF3 && !new ReadOnlySpan<byte>(kept, count).Contains(bytes[at]))
            {
                kept[count++] = bytes[at];
            }
        }

        if (count == at)
        {
            return false;
        }

        for (; at < MaxLength; at++)
        {
            kept[count++] = bytes[at];
        }

        _reader.Set(kept, count);
        decoder.Decode(out Instruction reduced);
        return reduced.IsInvalid && decoder.LastError == DecoderError.NoMoreBytes;
    }

    private bool MayLock() => _table.IsLockable(_builder.Instruction.Code) && _builder.Instruction.Op0Kind == OpKind.Memory;

    private int End(Block* block, int count, uint length)
    {
        Op* head = Block.Head(block);
        for (int i = 0; i < count; i++)
        {
            head[i].Remaining = (ushort)(count - i);
        }

        block->Count = (ushort)count;
        block->Length = (ushort)length;
        Op* last = head + count;
        if (!_builder.EndsBlock)
        {
            *last = new Op { Run = &Dispatcher.FallThrough, Extra = OpExtra.FallThrough, Displacement = length };
            Tail(last + 1);
            return count + 1 + Ops.TailOps;
        }

        Tail(last);
        return count + Ops.TailOps;
    }

    private static void Tail(Op* at)
    {
        *at = default;
        BlockLink* links = (BlockLink*)at;
        links->Taken = at + 1;
        links->Next = at + 2;
        at[1] = new Op { Run = &Dispatcher.ResolveTaken };
        at[2] = new Op { Run = &Dispatcher.ResolveNext };
    }

    private static Op* Undefined(CpuState* c, Op* o) => Ops.Fault(c, o, Vector.InvalidOpcode);

    // More than 15 bytes (Intel SDM vol. 3, 6.15, interrupt 13).
    private static Op* TooLong(CpuState* c, Op* o) => Ops.Fault(c, o, Vector.GeneralProtection, 0);

    private sealed class BytesReader : CodeReader
    {
        private byte* _bytes;
        private int _left;

        public void Set(byte* bytes, int length)
        {
            _bytes = bytes;
            _left = length;
        }

        public override int ReadByte() => _left-- > 0 ? *_bytes++ : -1;
    }
}
