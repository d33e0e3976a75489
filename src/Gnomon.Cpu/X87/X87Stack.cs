namespace Gnomon.Cpu.X87;

/// <summary>Stack faults, results into registers, and the instructions that only move registers (Intel SDM vol. 1, 8.1.2, 8.5.1.1).</summary>
internal static class X87Stack
{
    private const uint UnderflowFlags = X87Status.Invalid | X87Status.StackFault;
    private const uint OverflowFlags = X87Status.Invalid | X87Status.StackFault | X87Status.C1;

    /// <summary>Raises a stack underflow; the masked response puts the indefinite into ST(<paramref name="destination"/>) and pops.</summary>
    public static void Underflow(ref X87State state, int destination, bool pop)
    {
        if (!RaiseUnderflow(ref state))
        {
            return;
        }
        state.Set(destination, Float80.Indefinite);
        if (pop)
        {
            state.Pop();
        }
    }

    /// <summary>Raises a stack underflow; true if it is masked.</summary>
    public static bool RaiseUnderflow(ref X87State state)
    {
        state.Raise(UnderflowFlags);
        return (state.Control & X87Status.Invalid) != 0;
    }

    /// <summary>Raises a stack overflow; the masked response pushes the indefinite.</summary>
    public static void Overflow(ref X87State state)
    {
        if (RaiseOverflow(ref state))
        {
            state.Push(Float80.Indefinite);
        }
    }

    /// <summary>Raises a stack overflow; true if it is masked.</summary>
    public static bool RaiseOverflow(ref X87State state)
    {
        state.Raise(OverflowFlags);
        return (state.Control & X87Status.Invalid) != 0;
    }

    /// <summary>Puts a result into ST(<paramref name="destination"/>) and pops, unless an unmasked exception forbids it.</summary>
    public static void Finish(ref X87State state, in X87Context context, int destination, Float80 result, bool pop)
    {
        state.Raise(context.Raised);
        if (context.IsSuppressed)
        {
            return;
        }
        state.Set(destination, result);
        if (pop)
        {
            state.Pop();
        }
    }

    /// <summary>Pushes a result, unless an unmasked exception or a full stack forbids it.</summary>
    public static void FinishPush(ref X87State state, in X87Context context, Float80 result)
    {
        if (!state.IsEmpty(7))
        {
            Overflow(ref state);
            return;
        }
        state.Raise(context.Raised);
        if (!context.IsSuppressed)
        {
            state.Push(result);
        }
    }

    /// <summary>Whether ST(0) can be replaced and another number pushed (FXTRACT, FPTAN, FSINCOS); if not, the stack fault has been
    /// dealt with: its masked response puts the indefinite into both.</summary>
    public static bool IsReadyToReplaceAndPush(ref X87State state)
    {
        bool empty = state.IsEmpty(0);
        if (!empty && state.IsEmpty(7))
        {
            return true;
        }
        if (empty ? RaiseUnderflow(ref state) : RaiseOverflow(ref state))
        {
            state.Set(0, Float80.Indefinite);
            state.Push(Float80.Indefinite);
        }
        return false;
    }

    /// <summary>Puts a result into ST(0) and pushes another, unless an unmasked exception forbids it.</summary>
    public static void FinishReplaceAndPush(ref X87State state, in X87Context context, Float80 replaced, Float80 pushed)
    {
        state.Raise(context.Raised);
        if (!context.IsSuppressed)
        {
            state.Set(0, replaced);
            state.Push(pushed);
        }
    }

    /// <summary>FXCH ST(<paramref name="index"/>). With a masked underflow an empty register counts as the indefinite.</summary>
    public static void Exchange(ref X87State state, int index)
    {
        bool topEmpty = state.IsEmpty(0);
        bool otherEmpty = state.IsEmpty(index);
        if (topEmpty || otherEmpty)
        {
            if (!RaiseUnderflow(ref state))
            {
                return;
            }
        }
        else
        {
            state.Raise(0);
        }
        Float80 top = topEmpty ? Float80.Indefinite : state.Get(0);
        Float80 other = otherEmpty ? Float80.Indefinite : state.Get(index);
        state.Set(0, other);
        state.Set(index, top);
    }

    /// <summary>FFREE ST(<paramref name="index"/>), and with <paramref name="pop"/> the undocumented FFREEP (DF C0+i).</summary>
    public static void FreeRegister(ref X87State state, int index, bool pop)
    {
        state.Raise(0);
        state.Free(index);
        if (pop)
        {
            state.Pop();
        }
    }

    /// <summary>FINCSTP (1) and FDECSTP (-1).</summary>
    public static void MoveTop(ref X87State state, int difference)
    {
        state.Raise(0);
        state.Rotate(difference);
    }

    /// <summary>FCMOVcc ST(0), ST(<paramref name="index"/>); an empty register is an underflow whatever the condition. C1
    /// changes only with an underflow.</summary>
    public static void ConditionalMove(ref X87State state, int index, bool condition)
    {
        if (state.IsEmpty(0) || state.IsEmpty(index))
        {
            Underflow(ref state, 0, pop: false);
            return;
        }
        if (condition)
        {
            state.Set(0, state.Get(index));
        }
    }

    /// <summary>FST(P) ST(<paramref name="index"/>).</summary>
    public static void StoreRegister(ref X87State state, int index, bool pop)
    {
        if (state.IsEmpty(0))
        {
            Underflow(ref state, index, pop);
            return;
        }
        Finish(ref state, new X87Context(state.Control), index, state.Get(0), pop);
    }

    /// <summary>The undocumented D9 D8+i: FSTP ST(<paramref name="index"/>) that pops an empty register without a stack fault, and then
    /// stores nothing.</summary>
    public static void StoreAlias(ref X87State state, int index)
    {
        state.Raise(0);
        if (!state.IsEmpty(0))
        {
            state.Set(index, state.Get(0));
        }
        state.Pop();
    }
}
