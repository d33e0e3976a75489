namespace Gnomon.Cpu.X87;

/// <summary>FCOM, FUCOM, FICOM, FTST, FXAM, FCOMI and FUCOMI (Intel SDM vol. 1, 8.3.6). After an unmasked invalid
/// operation the condition codes, flags and stack stay as they were; after an unmasked denormal exception only the stack does.</summary>
internal static class X87Compares
{
    /// <summary>FCOM and FUCOM with ST(<paramref name="index"/>), then 0 to 2 pops.</summary>
    public static void Registers(ref X87State state, int index, bool quiet, int pops)
    {
        bool empty = state.IsEmpty(0) || state.IsEmpty(index);
        Finish(ref state, state.Get(index), empty, denormal: false, quiet, pops);
    }

    /// <summary>FCOM(P) with 32 bits (D8 /2, /3).</summary>
    public static void Single(ref X87State state, uint bits, bool pop)
    {
        Float80 value = Conversions.FromSingle(bits, out bool denormal);
        Finish(ref state, value, state.IsEmpty(0), denormal, quiet: false, pop ? 1 : 0);
    }

    /// <summary>FCOM(P) with 64 bits (DC /2, /3).</summary>
    public static void Double(ref X87State state, ulong bits, bool pop)
    {
        Float80 value = Conversions.FromDouble(bits, out bool denormal);
        Finish(ref state, value, state.IsEmpty(0), denormal, quiet: false, pop ? 1 : 0);
    }

    /// <summary>FICOM(P) with 32 (DA /2, /3) or 16 bits (DE /2, /3), extended by its sign.</summary>
    public static void Integer(ref X87State state, int value, bool pop) =>
        Finish(ref state, Conversions.FromInteger(value), state.IsEmpty(0), denormal: false, quiet: false, pop ? 1 : 0);

    /// <summary>FTST.</summary>
    public static void Test(ref X87State state) =>
        Finish(ref state, default, state.IsEmpty(0), denormal: false, quiet: false, pops: 0);

    /// <summary>FXAM.</summary>
    public static void Examine(ref X87State state)
    {
        uint codes = Comparison.Examine(state.Get(0), state.IsEmpty(0));
        state.Status = (ushort)((state.Status & ~X87Status.ConditionCodes) | codes);
    }

    /// <summary>FCOMI and FUCOMI. Whether <paramref name="flags"/> has ZF, PF and CF to put into EFLAGS at their places (bits 6, 2
    /// and 0); if not, EFLAGS stays.</summary>
    public static bool Flags(ref X87State state, int index, bool quiet, bool pop, out uint flags)
    {
        X87Context context = new(state.Control);
        uint codes = Comparison.Unordered;
        if (state.IsEmpty(0) || state.IsEmpty(index))
        {
            context.Raised = X87Status.Invalid | X87Status.StackFault;
        }
        else
        {
            codes = Comparison.Compare(state.Get(0), state.Get(index), quiet, ref context);
        }
        flags = Comparison.ToFlags(codes);
        state.Raise(context.Raised);
        if (pop && !context.IsSuppressed)
        {
            state.Pop();
        }
        return !context.IsInvalidUnmasked;
    }

    private static void Finish(ref X87State state, Float80 right, bool empty, bool denormal, bool quiet, int pops)
    {
        X87Context context = new(state.Control) { DenormalOperand = denormal };
        uint codes = Comparison.Unordered;
        if (empty)
        {
            context.Raised = X87Status.Invalid | X87Status.StackFault;
        }
        else
        {
            codes = Comparison.Compare(state.Get(0), right, quiet, ref context);
        }
        state.Raise(context.Raised);
        if (context.IsInvalidUnmasked)
        {
            return;
        }
        state.Status = (ushort)((state.Status & ~X87Status.ConditionCodes) | codes);
        for (; pops > 0 && !context.IsSuppressed; pops--)
        {
            state.Pop();
        }
    }
}
