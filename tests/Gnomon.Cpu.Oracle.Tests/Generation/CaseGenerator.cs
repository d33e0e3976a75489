using System.Buffers.Binary;
using Gnomon.Cpu.Oracle.Tests.Coverage;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Generation;

/// <summary>
/// Makes cases: the same instruction and seed make the same case, always. <see cref="AddressMap.Slots"/> seeds in a row have code in
/// different places, so that they can run in one batch.
/// </summary>
internal sealed class CaseGenerator
{
    private const int Attempts = 64;
    private const uint InterruptFlagAndFixed = 0x202;
    private const uint StatusFlags = 0x8D5;
    private const uint DirectionFlag = 1 << 10;
    private const uint NestedTask = 1 << 14;
    private const uint AlignmentCheck = 1 << 18;
    private const uint Identification = 1 << 21;

    private readonly InstructionDecoder _decoder = new();
    private readonly CaseSafety _safety = new();
    private readonly byte[] _bytes = new byte[32];

    /// <summary>The case of an instruction and a seed; <see cref="Code.INVALID"/> makes random bytes an instruction of the profile.</summary>
    public InstructionCase Make(Code code, ulong seed)
    {
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            var random = new SeededRandom((seed * 0x1_0000) + (ulong)((int)code * 64) + (ulong)attempt);
            random = new SeededRandom(random.Next64() ^ seed);
            if (TryMake(code, seed, ref random, out InstructionCase c))
            {
                return c;
            }
        }

        throw new InvalidOperationException($"no case of {code} with seed {seed}");
    }

    private bool TryMake(Code code, ulong seed, ref SeededRandom random, out InstructionCase c)
    {
        c = default;
        c.Seed = seed;
        c.Wanted = code;
        c.Context.SetDefaultSegments();
        c.Context.Eip = Place(seed, ref random);
        if (!TryEncode(code, ref random, c.Context.Eip, out Instruction instruction))
        {
            return false;
        }

        FillRegisters(ref c, instruction, ref random);
        OtherSegments.Choose(ref c, instruction, ref random);
        SteerMemory(ref c, instruction, ref random);
        instruction = Finish(ref c, instruction, ref random);
        if (!_safety.IsSafe(c, instruction))
        {
            return false;
        }

        // A signal's context does not carry these.
        c.Context.Eflags &= c.Flags.HasFlag(CaseFlags.SingleStep) ? ~(NestedTask | Identification) : uint.MaxValue;
        return true;
    }

    private static uint Place(ulong seed, ref SeededRandom random)
    {
        const int EveryNth = AddressMap.Slots / AddressMap.EdgePairs;
        if (seed % EveryNth == 0)
        {
            uint pair = (uint)(seed / EveryNth % AddressMap.EdgePairs);
            return AddressMap.Edges + (pair * AddressMap.EdgePairBytes) + AddressMap.PageBytes - 1 - (uint)random.Below(12);
        }

        return AddressMap.Code + ((uint)(seed % AddressMap.Slots) * AddressMap.SlotBytes) + AddressMap.SlotStart;
    }

    private bool TryEncode(Code code, ref SeededRandom random, uint eip, out Instruction instruction)
    {
        if (code != Code.INVALID)
        {
            return CodeEncoder.TryEncode(_decoder, code, ref random, eip, _bytes, out instruction);
        }

        do
        {
            random.Fill(_bytes);
            instruction = _decoder.Strictly(_bytes, eip);
        }
        while (!Profile.IsCompared(instruction.Code));
        return true;
    }

    private static void FillRegisters(ref InstructionCase c, in Instruction instruction, ref SeededRandom random)
    {
        Code code = instruction.Code;
        for (int register = 0; register < 8; register++)
        {
            c.Context[register] = Values.Integer(ref random);
        }

        uint flags = InterruptFlagAndFixed | (random.Next32() & StatusFlags);
        flags |= random.Chance(code.IsStringInstruction() ? 45 : 3) ? DirectionFlag : 0;
        flags |= random.Chance(3) ? AlignmentCheck : 0;
        flags |= random.Chance(5) ? Identification : 0;
        flags |= random.Chance(3) && code is not (Code.Iretd or Code.Iretw) ? NestedTask : 0;
        c.Context.Eflags = flags;
        c.Context.Esp = Addresses.Choose(ref random, AddressMap.HighData, 16);
        if (!instruction.IsStackInstruction || random.Chance(60))
        {
            c.Context.Esp = AddressMap.HighData + 0x400 + ((uint)random.Below(0x600) * 4);
        }

        if (code is Code.Leaved or Code.Leavew or Code.Enterd_imm16_imm8 or Code.Enterw_imm16_imm8)
        {
            c.Context.Ebp = Addresses.Choose(ref random, AddressMap.HighData, 16);
        }

        CountRegisters(ref c, instruction, ref random);
    }

    private static void CountRegisters(ref InstructionCase c, in Instruction instruction, ref SeededRandom random)
    {
        Code code = instruction.Code;
        bool counts = instruction.HasRepPrefix || instruction.HasRepnePrefix || code.IsJcxShort() || code.IsLoop() || code.IsLoopcc();
        if (counts && random.Chance(85))
        {
            c.Context.Ecx = (uint)random.Below(48) | (random.Chance(20) ? 0x1_0000u : 0);
        }
        else if (random.Chance(50))
        {
            c.Context.Ecx = (c.Context.Ecx & ~0xFFu) | (uint)random.Below(40);
        }

        switch (instruction.Mnemonic)
        {
            case Mnemonic.Div or Mnemonic.Idiv when random.Chance(60):
                c.Context.Edx = (uint)(random.Below(4) - 1);
                c.Context.Eax &= random.Chance(50) ? 0x7FF : 0xFFFF_FFFF;
                break;
            case Mnemonic.Cmpxchg when instruction.Op0Kind == OpKind.Register && random.Chance(50):
                c.Context[instruction.Op0Register.GetFullRegister32().GetNumber()] = c.Context.Eax;
                break;
        }
    }

    private void SteerMemory(ref InstructionCase c, in Instruction instruction, ref SeededRandom random)
    {
        SteerStrings(ref c, instruction, ref random);
        if (!HasMemoryOperand(instruction))
        {
            return;
        }

        int size = Math.Max(1, instruction.MemorySize.GetSize());
        bool based = Addresses.SegmentBase(c, instruction.MemorySegment) != 0;
        uint window = Addresses.Is16Bit(instruction) && !based ? AddressMap.LowData : AddressMap.HighData;
        uint target = Addresses.Choose(ref random, window, size);
        if (instruction.Code is Code.Fxsave_m512byte or Code.Fxrstor_m512byte && random.Chance(90))
        {
            target &= ~15u;
        }

        Addresses.Steer(ref c, instruction, _decoder, _bytes, target - BitOffset(c, instruction));
    }

    private static void SteerStrings(ref InstructionCase c, in Instruction instruction, ref SeededRandom random)
    {
        for (int operand = 0; operand < instruction.OpCount; operand++)
        {
            OpKind kind = instruction.GetOpKind(operand);
            int register = kind switch
            {
                OpKind.MemorySegSI or OpKind.MemorySegESI => 6,
                OpKind.MemoryESDI or OpKind.MemoryESEDI => 7,
                _ => -1,
            };
            if (register < 0)
            {
                continue;
            }

            Register segment = register == 6 ? instruction.MemorySegment : Register.ES;
            uint basis = Addresses.SegmentBase(c, segment);
            bool is16 = kind is OpKind.MemorySegSI or OpKind.MemoryESDI;
            uint window = is16 && basis == 0 ? AddressMap.LowData : AddressMap.HighData;
            uint offset = Addresses.Choose(ref random, window, 64) - basis;
            c.Context[register] = is16 ? (c.Context[register] & 0xFFFF_0000) | (offset & 0xFFFF) : offset;
        }
    }

    /// <summary>How far from its operand's address a bit instruction with an offset in a register reaches.</summary>
    private static uint BitOffset(in InstructionCase c, in Instruction instruction) => instruction.Code switch
    {
        Code.Bt_rm32_r32 or Code.Bts_rm32_r32 or Code.Btr_rm32_r32 or Code.Btc_rm32_r32 =>
            (uint)((int)c.Context[instruction.Op1Register.GetNumber()] >> 5 << 2),
        Code.Bt_rm16_r16 or Code.Bts_rm16_r16 or Code.Btr_rm16_r16 or Code.Btc_rm16_r16 =>
            (uint)((short)c.Context[instruction.Op1Register.GetFullRegister32().GetNumber()] >> 4 << 1),
        _ => 0,
    };

    private static bool HasMemoryOperand(in Instruction instruction)
    {
        for (int operand = 0; operand < instruction.OpCount; operand++)
        {
            if (instruction.GetOpKind(operand) == OpKind.Memory)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Chooses immediates, memory contents and the way to stop; returns the instruction as it is now.</summary>
    private Instruction Finish(ref InstructionCase c, in Instruction instruction, ref SeededRandom random)
    {
        Code code = instruction.Code;
        Immediates.Choose(_decoder, instruction, _bytes, ref random, c.Context.Eip);
        Instruction final = _decoder.Loosely(_bytes, c.Context.Eip);
        if (Profile.UsesFpu(code))
        {
            c.Flags |= CaseFlags.Fpu;
            FpuContents.Write(ref c, ref random);
        }

        if (code is Code.Mov_Sreg_rm16 or Code.Mov_Sreg_r32m16 && final.Op1Kind == OpKind.Register)
        {
            int register = final.Op1Register.GetFullRegister32().GetNumber();
            c.Context[register] = (c.Context[register] & 0xFFFF_0000) | Values.Selector(ref random);
        }
        else if (code is Code.Jmp_rm32 or Code.Call_rm32 && final.Op0Kind == OpKind.Register && random.Chance(80))
        {
            c.Context[final.Op0Register.GetNumber()] = Targets.Near(ref random, c.Context.Eip);
        }

        if (final.IsStackInstruction)
        {
            StackContents.Write(ref c, code, ref random);
        }

        if (HasMemoryOperand(final) && random.Chance(85))
        {
            MemoryContents.Write(ref c, final, ref random, Addresses.Linear(c, final) + BitOffset(c, final));
        }

        c.CodeLength = final.Length;
        if (c.Wanted != Code.INVALID && random.Chance(1) && c.Context.Eip < AddressMap.Edges && CodeEncoder.MayBeLong(code))
        {
            c.CodeLength = random.Chance(50) ? CodeEncoder.LongestInstruction : CodeEncoder.LongestInstruction + 1;
            CodeEncoder.Lengthen(_bytes, final.Length, c.CodeLength);
            final = _decoder.Loosely(_bytes, c.Context.Eip);
        }

        _bytes.AsSpan(0, c.CodeLength).CopyTo(c.Code);
        ChooseStop(ref c, final);
        return final;
    }

    private static void ChooseStop(ref InstructionCase c, in Instruction instruction)
    {
        Code code = instruction.Code;
        if (NotCompared.Segments(code) || NotCompared.IsFar(code))
        {
            Targets.SingleStep(ref c);
        }
        else if (instruction.Op0Kind is OpKind.NearBranch16 or OpKind.NearBranch32)
        {
            Targets.Prepare(ref c, (uint)instruction.NearBranchTarget);
        }
        else if (CaseTarget.TryFind(c, instruction, out uint target))
        {
            Targets.Prepare(ref c, target);
        }
    }
}
