using Gnomon.Cpu.Rom.Tests.Assembly;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>A fault while a double fault is delivered: the processor shuts down (Intel SDM vol. 3, 6.15, interrupt 8).</summary>
internal static class TripleFault
{
    public static void EmptyIdt(Scenario s)
    {
        s.Case("before", () => s.Asm.nop());
        s.Case("shutdown", () =>
        {
            s.Asm.mov(__word_ptr[Scratch], 0);
            s.Asm.lidt(__[Scratch]);
            s.Asm.ud2();
        });
    }

    public static void AbsentGates(Scenario s)
    {
        s.Case("before", () => s.Asm.nop());
        s.Case("shutdown", () =>
        {
            s.Idt(13, Descriptor.Gate(FlatCode, 0, 0x0E));
            s.Idt(8, Descriptor.Gate(FlatCode, 0, 0x0E));
            s.Asm.mov(eax, 0x100);
            s.Asm.mov(ds, ax);
        });
    }
}
