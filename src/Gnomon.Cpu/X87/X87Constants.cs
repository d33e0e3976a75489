namespace Gnomon.Cpu.X87;

/// <summary>FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2 and FLDZ (Intel SDM vol. 1, 8.3.4): constants of 66 bits or more, rounded as
/// the rounding control says; the precision control does not matter, and no exception is raised.</summary>
internal static class X87Constants
{
    /// <summary>Loads constant 0 to 6 in the order of the opcodes D9 E8 to D9 EE; false for another number.</summary>
    public static bool Load(ref X87State state, int number)
    {
        uint control = new X87Context(state.Control).RoundingControl;
        // The significand, cut off, and whether what follows is at least one half.
        Float80 value = number switch
        {
            0 => Float80.One,
            1 => Rounded(0xD49A_784B_CD1B_8AFE, Float80.Bias + 1, false, control),
            2 => Rounded(0xB8AA_3B29_5C17_F0BB, Float80.Bias, true, control),
            3 => Rounded(0xC90F_DAA2_2168_C234, Float80.Bias + 1, true, control),
            4 => Rounded(0x9A20_9A84_FBCF_F798, Float80.Bias - 2, true, control),
            5 => Rounded(0xB172_17F7_D1CF_79AB, Float80.Bias - 1, true, control),
            _ => default,
        };
        if (number > 6)
        {
            return false;
        }
        X87Stack.FinishPush(ref state, new X87Context(state.Control), value);
        return true;
    }

    private static Float80 Rounded(ulong significand, int exponent, bool overHalf, uint control) =>
        new(0, exponent, significand + (control == 2 || (control == 0 && overHalf) ? 1UL : 0));
}
