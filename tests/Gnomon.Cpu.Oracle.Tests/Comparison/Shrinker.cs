using Gnomon.Cpu.Oracle.Tests.Coverage;
using Gnomon.Cpu.Oracle.Tests.Generation;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Comparison;

/// <summary>Makes a failing case simpler while it goes on failing.</summary>
internal sealed class Shrinker(Shrinker.Failure fails)
{
    private const uint PlainFlags = 0x202;

    private readonly InstructionDecoder _decoder = new();
    private readonly CaseSafety _safety = new();

    /// <summary>True if the tested processor still disagrees with the host.</summary>
    public delegate bool Failure(in InstructionCase c);

    /// <summary>The simplest failing case that was found; the given one if it does not lend itself to it.</summary>
    public InstructionCase Shrink(in InstructionCase c)
    {
        InstructionCase best = c;

        // Elsewhere a register or a stack slot may be the way to where the host can stop.
        if (c.Wanted.FlowControl() != FlowControl.Next || NotCompared.Segments(c.Wanted))
        {
            return best;
        }

        while (TryDropByte(ref best))
        {
        }

        for (int register = 0; register < 8; register++)
        {
            foreach (uint value in (ReadOnlySpan<uint>)[0, 1, AddressMap.HighData + 0x800, best.Context[register] & 0xFF])
            {
                InstructionCase simpler = best;
                simpler.Context[register] = value;
                if (TryTake(ref best, simpler))
                {
                    break;
                }
            }
        }

        InstructionCase plain = best;
        plain.Context.Eflags = PlainFlags;
        TryTake(ref best, plain);
        while (best.PatchCount > 0)
        {
            InstructionCase fewer = best;
            fewer.PatchCount--;
            if (!TryTake(ref best, fewer))
            {
                break;
            }
        }

        return best;
    }

    private bool TryDropByte(ref InstructionCase best)
    {
        Code code = _decoder.Loosely(best.CodeSpan, best.Context.Eip).Code;
        for (int at = 0; at < best.CodeLength - 1; at++)
        {
            InstructionCase shorter = best;
            Span<byte> bytes = shorter.Code;
            bytes[(at + 1)..].CopyTo(bytes[at..]);
            shorter.CodeLength--;
            Instruction instruction = _decoder.Loosely(shorter.CodeSpan, shorter.Context.Eip);
            if (instruction.Code == code && instruction.Length == shorter.CodeLength && TryTake(ref best, shorter))
            {
                return true;
            }
        }

        return false;
    }

    private bool TryTake(ref InstructionCase best, in InstructionCase simpler)
    {
        if (!_safety.IsSafe(simpler, _decoder.Loosely(simpler.CodeSpan, simpler.Context.Eip)) || !fails(simpler))
        {
            return false;
        }

        best = simpler;
        return true;
    }
}
