namespace Gnomon.Cpu.X87;

/// <summary>What a store instruction is about to do. The caller writes <see cref="Length"/> bytes (none if 0) to memory, and only if
/// that succeeds calls <see cref="X87Stores.Commit"/>: a page fault leaves the FPU as it was.</summary>
/// <param name="Low">The first 8 bytes, little-endian.</param>
/// <param name="High">Bytes 8 and 9.</param>
/// <param name="Length">2, 4, 8 or 10; 0 if an unmasked exception forbids the store.</param>
/// <param name="Raised">The status bits that the commit sets.</param>
/// <param name="Pops">Whether the commit pops.</param>
internal readonly record struct X87PendingStore(ulong Low, ushort High, int Length, uint Raised, bool Pops);

/// <summary>FST, FIST, FISTTP and FBSTP to memory, in two phases (Intel SDM vol. 1, 8.3.3 and 8.5; vol. 2, FST, FIST, FISTTP, FBSTP).</summary>
internal static class X87Stores
{
    /// <summary>FST(P) of 32 bits (D9 /2, /3).</summary>
    public static X87PendingStore Single(in X87State state, bool pop)
    {
        X87Context context = new(state.Control);
        uint bits = Conversions.ToSingle(Operand(state, ref context), ref context);
        return Pending(context, bits, 0, sizeof(uint), pop);
    }

    /// <summary>FST(P) of 64 bits (DD /2, /3).</summary>
    public static X87PendingStore Double(in X87State state, bool pop)
    {
        X87Context context = new(state.Control);
        ulong bits = Conversions.ToDouble(Operand(state, ref context), ref context);
        return Pending(context, bits, 0, sizeof(ulong), pop);
    }

    /// <summary>FSTP of 80 bits (DB /7).</summary>
    public static X87PendingStore Extended(in X87State state)
    {
        X87Context context = new(state.Control);
        Float80 value = Operand(state, ref context);
        return Pending(context, value.Significand, value.SignExponent, 10, pop: true);
    }

    /// <summary>FIST(P) of 16 bits (DF /2, /3), 32 bits (DB /2, /3) or, popping, 64 bits (DF /7); with
    /// <paramref name="truncate"/> FISTTP (DF /1, DB /1, DD /1).</summary>
    /// <param name="state">The FPU.</param>
    /// <param name="bits">16, 32 or 64.</param>
    /// <param name="pop">Whether ST(0) is popped.</param>
    /// <param name="truncate">Round towards zero, whatever the control word says.</param>
    public static X87PendingStore Integer(in X87State state, int bits, bool pop, bool truncate)
    {
        X87Context context = new(state.Control);
        Float80 value = Operand(state, ref context);
        long result = Conversions.ToInteger(value, bits, truncate ? 3 : context.RoundingControl, ref context);
        return Pending(context, (ulong)result, 0, bits / 8, pop);
    }

    /// <summary>Does what remains of a store after its bytes, if any, are in memory: flags, C1 and pop.</summary>
    public static void Commit(ref X87State state, in X87PendingStore store)
    {
        state.Raise(store.Raised);
        if (store.Pops)
        {
            state.Pop();
        }
    }

    /// <summary>ST(0), or the indefinite with a stack underflow.</summary>
    internal static Float80 Operand(in X87State state, ref X87Context context)
    {
        if (!state.IsEmpty(0))
        {
            return state.Get(0);
        }
        context.Raised |= X87Status.Invalid | X87Status.StackFault;
        return Float80.Indefinite;
    }

    /// <summary>The store with these bytes, or none if an unmasked exception forbids it.</summary>
    internal static X87PendingStore Pending(in X87Context context, ulong low, ushort high, int length, bool pop) =>
        Conversions.IsStoreSuppressed(context)
            ? new X87PendingStore(0, 0, 0, context.Raised, false)
            : new X87PendingStore(low, high, length, context.Raised, pop);
}
