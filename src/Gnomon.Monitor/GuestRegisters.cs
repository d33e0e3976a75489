using Gnomon.Cpu;

namespace Gnomon.Monitor;

/// <summary>A guest's registers between two instructions.</summary>
public readonly record struct GuestRegisters(
    uint Eax, uint Ebx, uint Ecx, uint Edx, uint Esi, uint Edi, uint Ebp, uint Esp, uint Eip, uint Eflags, ushort Cs, ushort Ss)
{
    /// <summary>The privilege level.</summary>
    public int Level => Cs & 3;

    internal static GuestRegisters Of(VirtualCpu cpu)
    {
        if (cpu.IsTrapped || cpu.IsInSwitcher)
        {
            // On the way back part of the frame is in registers already, but the frame still has it all.
            TrapFrame frame = cpu.Frame;
            return new(
                frame[FrameWord.Eax], frame[FrameWord.Ebx], frame[FrameWord.Ecx], frame[FrameWord.Edx], frame[FrameWord.Esi], frame[FrameWord.Edi],
                frame[FrameWord.Ebp], frame.Esp, frame.Eip, frame.Eflags, (ushort)frame.Cs, (ushort)frame.Ss);
        }

        return Of(cpu.Processor);
    }

    internal static GuestRegisters Of(Processor processor)
    {
        ProcessorRegisters r = processor.Registers;
        return new(
            r[GeneralRegister.Eax], r[GeneralRegister.Ebx], r[GeneralRegister.Ecx], r[GeneralRegister.Edx], r[GeneralRegister.Esi], r[GeneralRegister.Edi],
            r[GeneralRegister.Ebp], r[GeneralRegister.Esp], r.Eip, r.Eflags, r.Segment(SegmentName.Cs).Selector, r.Segment(SegmentName.Ss).Selector);
    }
}
