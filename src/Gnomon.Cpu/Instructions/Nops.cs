using Gnomon.Cpu.Execution;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>NOP, PAUSE, the multi-byte NOP and the hints of 0F 18 to 0F 1F, which touch no memory (Intel SDM vol. 2, NOP).</summary>
// SAFETY: the handler gets the state and the op of a live Processor.
internal static unsafe class Nops
{
    public static void Register(InstructionTable table)
    {
        table.Add(Code.Nopw, &Make);
        table.Add(Code.Nopd, &Make);
        table.Add(Code.Pause, &Make);
        table.Add(Code.Nop_rm16, &Make);
        table.Add(Code.Nop_rm32, &Make);
        foreach (Code code in Enum.GetValues<Code>())
        {
            if (code is >= Code.Reservednop_rm16_r16_0F0D and <= Code.Reservednop_rm64_r64_0F1F && code.ToOpCode().Mode32)
            {
                table.Add(code, &Make);
            }
        }
    }

    private static void Make(ref OpBuilder b) => b.Set(&Nothing);

    private static Op* Nothing(CpuState* c, Op* o) => Ops.Next(c, o);
}
