using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Generation;

/// <summary>Random x87 states.</summary>
internal static class FpuContents
{
    private const ushort ExceptionMasks = 0x3F;
    private const ushort AlwaysSet = 0x40;
    private const ushort ErrorSummaryAndBusy = 0x8080;

    /// <summary>A control word: any rounding, a defined precision, mostly with all exceptions masked.</summary>
    public static ushort ControlWord(ref SeededRandom random)
    {
        int masks = random.Chance(70) ? ExceptionMasks : random.Below(64);
        int precision = random.Pick<int>([3, 3, 3, 2, 0]);
        return (ushort)(masks | AlwaysSet | (precision << 8) | (random.Below(4) << 10));
    }

    /// <summary>A whole state: registers of every class, some empty, any top of stack, now and then with a pending exception.</summary>
    public static void Write(ref InstructionCase c, ref SeededRandom random)
    {
        Span<byte> image = c.Fpu;
        FpuState.Initialise(image);
        ushort control = ControlWord(ref random);
        int status = (int)(random.Next32() & 0x7F00);
        if (random.Chance(15))
        {
            status |= random.Below(64);
        }

        if (random.Chance(3))
        {
            status |= 0x41;
        }

        if ((status & ~control & ExceptionMasks) != 0)
        {
            status |= ErrorSummaryAndBusy;
        }

        FpuState.SetControl(image, control);
        FpuState.SetStatus(image, (ushort)status);
        FpuState.SetTags(image, (byte)(random.Chance(60) ? 0xFF : random.Next32() | random.Next32()));
        Span<byte> value = stackalloc byte[FpuState.RegisterBytes];
        for (int register = 0; register < 8; register++)
        {
            Values.Extended(ref random, value);
            FpuState.SetRegister(image, register, value);
        }
    }
}
