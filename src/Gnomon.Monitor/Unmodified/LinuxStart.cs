using Gnomon.Cpu;

namespace Gnomon.Monitor;

/// <summary>Puts a processor where a loaded kernel begins: flat 32-bit protected mode, paging off, interrupts disabled.</summary>
public static class LinuxStart
{
    private const ushort FlatCode = 0xC09B;
    private const ushort FlatData = 0xC093;

    /// <summary>Sets the registers.</summary>
    /// <param name="registers">Those of a processor after a reset.</param>
    /// <param name="kernel">The kernel that was loaded.</param>
    public static void Apply(ProcessorRegisters registers, BootedKernel kernel)
    {
        ArgumentNullException.ThrowIfNull(registers);
        ArgumentNullException.ThrowIfNull(kernel);
        registers.Cr0 = BootedKernel.Cr0;
        registers.Gdt = (kernel.GdtAddress, kernel.GdtLimit);
        foreach (SegmentName name in (ReadOnlySpan<SegmentName>)[SegmentName.Cs, SegmentName.Ds, SegmentName.Es, SegmentName.Fs, SegmentName.Gs, SegmentName.Ss])
        {
            bool code = name == SegmentName.Cs;
            registers.SetSegment(name, new SegmentValue(
                code ? BootedKernel.CodeSelector : BootedKernel.DataSelector, 0, uint.MaxValue, code ? FlatCode : FlatData));
        }

        foreach (GeneralRegister register in Enum.GetValues<GeneralRegister>())
        {
            registers[register] = 0;
        }

        registers.Cpl = 0;
        registers.Eflags = BootedKernel.Eflags;
        registers[GeneralRegister.Esi] = kernel.Esi;
        registers[GeneralRegister.Ebx] = kernel.Ebx;
        registers.Eip = kernel.Eip;
    }
}
