namespace Gnomon.Cpu.X87;

/// <summary>What a register form did besides changing the FPU.</summary>
internal enum X87RegisterEffect
{
    /// <summary>Nothing else.</summary>
    None,

    /// <summary>ZF, PF and CF take the value given, OF, SF and AF become 0 (FCOMI and its relatives).</summary>
    Flags,

    /// <summary>AX takes the status word (FNSTSW AX).</summary>
    StatusToAx,

    /// <summary>No such instruction: #UD.</summary>
    Undefined,
}

/// <summary>The instructions D8 to DF whose ModR/M byte is C0H or more, by their encoding (Intel SDM vol. 2, appendix B.17 and
/// tables ).</summary>
internal static class X87RegisterForms
{
    /// <summary>Whether an instruction does not wait: it does not look at <see cref="X87State.HasPendingException"/> first
    /// (FNCLEX, FNINIT, FNSTSW AX and the no-operations of the 8087 and 287). These are also the control
    /// instructions, which leave the last instruction pointer and opcode.</summary>
    public static bool IsNonWaiting(uint opcode, uint modrm) =>
        (opcode == 0xDB && modrm is >= 0xE0 and <= 0xE4) || (opcode == 0xDF && modrm == 0xE0);

    /// <summary>Executes one instruction.</summary>
    /// <param name="state">The FPU.</param>
    /// <param name="opcode">D8H to DFH.</param>
    /// <param name="modrm">C0H to FFH.</param>
    /// <param name="eflags">EFLAGS, for FCMOVcc.</param>
    /// <param name="flags">ZF, PF and CF in place, if the effect is <see cref="X87RegisterEffect.Flags"/>.</param>
    public static X87RegisterEffect Execute(ref X87State state, uint opcode, uint modrm, uint eflags, out uint flags)
    {
        flags = 0;
        int index = (int)modrm & 7;
        uint group = (modrm >> 3) & 7;
        switch (opcode)
        {
            case 0xD8 when group is 2 or 3:
                X87Compares.Registers(ref state, index, quiet: false, (int)group - 2);
                return X87RegisterEffect.None;
            case 0xD8:
                X87Arithmetic.Registers(ref state, (X87BinaryOperation)group, 0, index, pop: false);
                return X87RegisterEffect.None;
            case 0xD9:
                return D9(ref state, group, index);
            case 0xDA when group < 4:
                X87Stack.ConditionalMove(ref state, index, Condition(group, eflags));
                return X87RegisterEffect.None;
            case 0xDA when modrm == 0xE9:
                X87Compares.Registers(ref state, 1, quiet: true, pops: 2);
                return X87RegisterEffect.None;
            case 0xDB when group < 4:
                X87Stack.ConditionalMove(ref state, index, !Condition(group, eflags));
                return X87RegisterEffect.None;
            case 0xDB when group is 5 or 6:
                return X87Compares.Flags(ref state, index, group == 5, pop: false, out flags) ? X87RegisterEffect.Flags : X87RegisterEffect.None;
            case 0xDB:
                return Control(ref state, modrm);
            case 0xDC when group is 2 or 3:
                X87Compares.Registers(ref state, index, quiet: false, (int)group - 2);
                return X87RegisterEffect.None;
            case 0xDC:
                X87Arithmetic.Registers(ref state, Reverse(group), index, 0, pop: false);
                return X87RegisterEffect.None;
            case 0xDD:
                return DD(ref state, group, index);
            case 0xDE when group == 2:
                X87Compares.Registers(ref state, index, quiet: false, pops: 1);
                return X87RegisterEffect.None;
            case 0xDE when modrm == 0xD9:
                X87Compares.Registers(ref state, 1, quiet: false, pops: 2);
                return X87RegisterEffect.None;
            case 0xDE when group != 3:
                X87Arithmetic.Registers(ref state, Reverse(group), index, 0, pop: true);
                return X87RegisterEffect.None;
            case 0xDF:
                return DF(ref state, group, index, modrm, out flags);
            default:
                return X87RegisterEffect.Undefined;
        }
    }

    private static X87RegisterEffect D9(ref X87State state, uint group, int index)
    {
        switch (group)
        {
            case 0:
                X87Loads.Register(ref state, index);
                return X87RegisterEffect.None;
            case 1:
                X87Stack.Exchange(ref state, index);
                return X87RegisterEffect.None;
            case 2:
                return index == 0 ? X87RegisterEffect.None : X87RegisterEffect.Undefined;
            case 3:
                X87Stack.StoreAlias(ref state, index);
                return X87RegisterEffect.None;
            case 4:
                return D9E0(ref state, index);
            case 5:
                return index < 7 && X87Constants.Load(ref state, index) ? X87RegisterEffect.None : X87RegisterEffect.Undefined;
            default:
                X87Functions.Execute(ref state, (((int)group - 6) * 8) + index);
                return X87RegisterEffect.None;
        }
    }

    private static X87RegisterEffect D9E0(ref X87State state, int index)
    {
        switch (index)
        {
            case 0:
                X87Arithmetic.ChangeSign(ref state);
                return X87RegisterEffect.None;
            case 1:
                X87Arithmetic.Absolute(ref state);
                return X87RegisterEffect.None;
            case 4:
                X87Compares.Test(ref state);
                return X87RegisterEffect.None;
            case 5:
                X87Compares.Examine(ref state);
                return X87RegisterEffect.None;
            default:
                return X87RegisterEffect.Undefined;
        }
    }

    private static X87RegisterEffect Control(ref X87State state, uint modrm)
    {
        switch (modrm)
        {
            case 0xE0 or 0xE1 or 0xE4:
                // FENI, FDISI and FSETPM of earlier coprocessors do nothing.
                return X87RegisterEffect.None;
            case 0xE2:
                X87Images.ClearExceptions(ref state);
                return X87RegisterEffect.None;
            case 0xE3:
                state.Initialize();
                return X87RegisterEffect.None;
            default:
                return X87RegisterEffect.Undefined;
        }
    }

    private static X87RegisterEffect DD(ref X87State state, uint group, int index)
    {
        switch (group)
        {
            case 0:
                X87Stack.FreeRegister(ref state, index, pop: false);
                return X87RegisterEffect.None;
            case 1:
                X87Stack.Exchange(ref state, index);
                return X87RegisterEffect.None;
            case 2 or 3:
                X87Stack.StoreRegister(ref state, index, group == 3);
                return X87RegisterEffect.None;
            case 4 or 5:
                X87Compares.Registers(ref state, index, quiet: true, (int)group - 4);
                return X87RegisterEffect.None;
            default:
                return X87RegisterEffect.Undefined;
        }
    }

    private static X87RegisterEffect DF(ref X87State state, uint group, int index, uint modrm, out uint flags)
    {
        flags = 0;
        switch (group)
        {
            case 0:
                X87Stack.FreeRegister(ref state, index, pop: true);
                return X87RegisterEffect.None;
            case 1:
                X87Stack.Exchange(ref state, index);
                return X87RegisterEffect.None;
            case 2 or 3:
                X87Stack.StoreRegister(ref state, index, pop: true);
                return X87RegisterEffect.None;
            case 5 or 6:
                return X87Compares.Flags(ref state, index, group == 5, pop: true, out flags) ? X87RegisterEffect.Flags : X87RegisterEffect.None;
            default:
                return modrm == 0xE0 ? X87RegisterEffect.StatusToAx : X87RegisterEffect.Undefined;
        }
    }

    /// <summary>B, E, BE and U of FCMOVcc.</summary>
    private static bool Condition(uint group, uint eflags) => group switch
    {
        0 => (eflags & 1) != 0,
        1 => (eflags & 0x40) != 0,
        2 => (eflags & 0x41) != 0,
        _ => (eflags & 4) != 0,
    };

    /// <summary>DC and DE number the two subtractions and the two divisions the other way round.</summary>
    private static X87BinaryOperation Reverse(uint group) => (X87BinaryOperation)(group >= 4 ? group ^ 1 : group);
}
