using Gnomon.Cpu.Oracle.Tests.Coverage;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Generation;

/// <summary>Lets some cases have data or stack segments with a base, a limit, 16-bit offsets or fewer rights.</summary>
internal static class OtherSegments
{
    /// <summary>With an RPL the host's kernel would turn it into this one.</summary>
    private const ushort Null = 0;

    /// <summary>Indices of the LDT that SS can hold: writable data.</summary>
    private static readonly int[] _stacks = [0, 1, 7, 8, 9];

    /// <summary>Indices of the LDT that DS and ES can hold: these, read-only data and readable code.</summary>
    private static readonly int[] _data = [0, 1, 2, 3, 7, 8, 9];

    /// <summary>Gives a case in so many another segment, if the host can stop after the instruction by the trap flag.</summary>
    public static void Choose(ref InstructionCase c, in Instruction instruction, ref SeededRandom random)
    {
        const int Percent = 6;
        Code code = instruction.Code;
        bool mayStep = instruction.FlowControl == FlowControl.Next && !Profile.UsesFpu(code)
            && instruction.Mnemonic is not (Mnemonic.Pushf or Mnemonic.Pushfd or Mnemonic.Popf or Mnemonic.Popfd);
        if (!mayStep || !random.Chance(Percent))
        {
            return;
        }

        c.Flags |= CaseFlags.SingleStep;
        if (instruction.IsStackInstruction || random.Chance(25))
        {
            c.Context.Ss = LocalDescriptors.Selector(random.Pick<int>(_stacks));
            uint place = c.Context.Esp - Addresses.SegmentBase(c, Register.SS);
            c.Context.Esp = Addresses.StackMask(c) == 0xFFFF ? (place & 0xFFFF) | (random.Next32() & 0xFFFF_0000) : place;
        }
        else
        {
            uint selector = random.Chance(8) ? Null : (uint)LocalDescriptors.Selector(random.Pick<int>(_data));
            if (random.Chance(50))
            {
                c.Context.Ds = selector;
            }
            else
            {
                c.Context.Es = selector;
            }
        }
    }
}
