namespace Gnomon.Cpu.X87;

/// <summary>The arithmetic of two operands, numbered as the reg field of D8 numbers it.</summary>
internal enum X87BinaryOperation
{
    /// <summary>destination + source.</summary>
    Add = 0,

    /// <summary>destination times source.</summary>
    Multiply = 1,

    /// <summary>destination - source.</summary>
    Subtract = 4,

    /// <summary>source - destination.</summary>
    SubtractReversed = 5,

    /// <summary>destination / source.</summary>
    Divide = 6,

    /// <summary>source / destination.</summary>
    DivideReversed = 7,
}

/// <summary>FADD, FMUL, FSUB(R), FDIV(R) with registers and memory operands, and FSQRT, FABS, FCHS (Intel SDM vol. 1, 8.3.5, 8.5).</summary>
internal static class X87Arithmetic
{
    /// <summary>ST(<paramref name="destination"/>) is combined with ST(<paramref name="source"/>), then ST(0) popped if asked for.</summary>
    public static void Registers(ref X87State state, X87BinaryOperation operation, int destination, int source, bool pop)
    {
        if (state.IsEmpty(destination) || state.IsEmpty(source))
        {
            X87Stack.Underflow(ref state, destination, pop);
            return;
        }
        X87Context context = new(state.Control);
        Float80 result = Compute(operation, state.Get(destination), state.Get(source), ref context);
        X87Stack.Finish(ref state, context, destination, result, pop);
    }

    /// <summary>ST(0) is combined with a single in memory (D8 /r).</summary>
    public static void Single(ref X87State state, X87BinaryOperation operation, uint bits)
    {
        Float80 source = Conversions.FromSingle(bits, out bool denormal);
        Memory(ref state, operation, source, denormal);
    }

    /// <summary>ST(0) is combined with a double in memory (DC /r).</summary>
    public static void Double(ref X87State state, X87BinaryOperation operation, ulong bits)
    {
        Float80 source = Conversions.FromDouble(bits, out bool denormal);
        Memory(ref state, operation, source, denormal);
    }

    /// <summary>ST(0) is combined with an integer in memory (DA /r of 32 bits, DE /r of 16 bits, extended by its sign).</summary>
    public static void Integer(ref X87State state, X87BinaryOperation operation, int value) =>
        Memory(ref state, operation, Conversions.FromInteger(value), denormal: false);

    /// <summary>FSQRT.</summary>
    public static void SquareRootOfTop(ref X87State state)
    {
        if (state.IsEmpty(0))
        {
            X87Stack.Underflow(ref state, 0, pop: false);
            return;
        }
        X87Context context = new(state.Control);
        Float80 result = SquareRoot.Sqrt(state.Get(0), ref context);
        X87Stack.Finish(ref state, context, 0, result, pop: false);
    }

    /// <summary>FABS.</summary>
    public static void Absolute(ref X87State state) => SetSign(ref state, state.Get(0).WithSign(0));

    /// <summary>FCHS.</summary>
    public static void ChangeSign(ref X87State state) => SetSign(ref state, state.Get(0).WithSign(state.Get(0).Sign ^ 1));

    private static void SetSign(ref X87State state, Float80 result)
    {
        if (state.IsEmpty(0))
        {
            X87Stack.Underflow(ref state, 0, pop: false);
            return;
        }
        X87Stack.Finish(ref state, new X87Context(state.Control), 0, result, pop: false);
    }

    private static void Memory(ref X87State state, X87BinaryOperation operation, Float80 source, bool denormal)
    {
        if (state.IsEmpty(0))
        {
            X87Stack.Underflow(ref state, 0, pop: false);
            return;
        }
        X87Context context = new(state.Control) { DenormalOperand = denormal };
        Float80 result = Compute(operation, state.Get(0), source, ref context);
        X87Stack.Finish(ref state, context, 0, result, pop: false);
    }

    private static Float80 Compute(X87BinaryOperation operation, Float80 destination, Float80 source, ref X87Context context) =>
        operation switch
        {
            X87BinaryOperation.Add => Addition.Add(destination, source, ref context),
            X87BinaryOperation.Multiply => Multiplication.Multiply(destination, source, ref context),
            X87BinaryOperation.Subtract => Addition.Subtract(destination, source, ref context),
            X87BinaryOperation.SubtractReversed => Addition.Subtract(source, destination, ref context),
            X87BinaryOperation.Divide => Division.Divide(destination, source, ref context),
            _ => Division.Divide(source, destination, ref context),
        };
}
