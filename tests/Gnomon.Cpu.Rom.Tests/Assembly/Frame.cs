namespace Gnomon.Cpu.Rom.Tests.Assembly;

/// <summary>The offsets in a record: first what the recorder pushed, then what the processor pushed, then control registers.</summary>
internal static class Frame
{
    public const uint Ds = 0x00;
    public const uint Es = 0x04;
    public const uint Fs = 0x08;
    public const uint Gs = 0x0C;
    public const uint Edi = 0x10;
    public const uint Esi = 0x14;
    public const uint Ebp = 0x18;
    public const uint HandlerEsp = 0x1C;
    public const uint Ebx = 0x20;
    public const uint Edx = 0x24;
    public const uint Ecx = 0x28;
    public const uint Eax = 0x2C;
    public const uint Vector = 0x30;
    public const uint Error = 0x34;
    public const uint Eip = 0x38;
    public const uint Cs = 0x3C;
    public const uint Eflags = 0x40;
    public const uint Esp = 0x44;
    public const uint Ss = 0x48;
    public const uint V86Es = 0x4C;
    public const uint V86Ds = 0x50;
    public const uint V86Fs = 0x54;
    public const uint V86Gs = 0x58;
    public const uint Copied = 0x5C;
    public const uint Cr2 = 0x5C;
    public const uint Dr6 = 0x60;
    public const uint HandlerSs = 0x64;
    public const uint Tr = 0x68;
    public const uint Cr0 = 0x6C;
}
