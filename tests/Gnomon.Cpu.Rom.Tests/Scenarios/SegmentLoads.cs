using Gnomon.Cpu.Rom.Tests.Assembly;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>Loading segment registers: type, privilege, presence, the table's limit, null, and the accessed bit.</summary>
internal static class SegmentLoads
{
    public static void Write(Scenario s)
    {
        s.Case("plain", () => s.Asm.nop());
        s.Case("ud2", () => { s.Asm.nop(); s.Mark(); s.Asm.ud2(); });
        s.Case("ring3", () => { s.ToRing(3); s.Mark(); s.Asm.hlt(); });
        s.RealCase("real", () => { s.Asm.mov(bx, 5); }, "ebx");
        s.Case("v86", () => { s.ToV86(0x3000); s.Mark(); s.Asm.nop(); });
    }
}
