namespace Gnomon.Cpu.X87;

/// <summary>Bits of the status word (Intel SDM vol. 1, 8.1.3).</summary>
internal static class X87Status
{
    /// <summary>Invalid operation.</summary>
    public const uint Invalid = 0x01;

    /// <summary>Denormal operand.</summary>
    public const uint Denormal = 0x02;

    /// <summary>Division by zero.</summary>
    public const uint ZeroDivide = 0x04;

    /// <summary>Numeric overflow.</summary>
    public const uint Overflow = 0x08;

    /// <summary>Numeric underflow.</summary>
    public const uint Underflow = 0x10;

    /// <summary>Inexact result (precision).</summary>
    public const uint Precision = 0x20;

    /// <summary>The six exception flags.</summary>
    public const uint Exceptions = 0x3F;

    /// <summary>Stack fault; C1 tells overflow (1) from underflow (0).</summary>
    public const uint StackFault = 0x40;

    /// <summary>Error summary: an unmasked exception is pending.</summary>
    public const uint ErrorSummary = 0x80;

    /// <summary>Busy: a copy of the error summary.</summary>
    public const uint Busy = 0x8000;

    /// <summary>Condition code C0.</summary>
    public const uint C0 = 0x100;

    /// <summary>Condition code C1: the last rounding was upwards in magnitude.</summary>
    public const uint C1 = 0x200;

    /// <summary>Condition code C2.</summary>
    public const uint C2 = 0x400;

    /// <summary>Condition code C3.</summary>
    public const uint C3 = 0x4000;

    /// <summary>The condition codes.</summary>
    public const uint ConditionCodes = C0 | C1 | C2 | C3;

    /// <summary>The lowest bit of TOP.</summary>
    public const int TopShift = 11;
}

/// <summary>What one instruction computes under: the control word, and the status bits it raises.</summary>
/// <param name="control">The control word (Intel SDM vol. 1, 8.1.5).</param>
internal struct X87Context(uint control)
{
    /// <summary>The exceptions whose unmasked response leaves the operands as they are.</summary>
    public const uint OperandExceptions = X87Status.Invalid | X87Status.Denormal | X87Status.ZeroDivide;

    /// <summary>The control word.</summary>
    public readonly uint Control = control;

    /// <summary>Status bits to set: exceptions, stack fault and C1.</summary>
    public uint Raised;

    /// <summary>A memory operand was a denormal before its conversion to 80 bits.</summary>
    public bool DenormalOperand;

    /// <summary>Rounding control: 0 nearest even, 1 down, 2 up, 3 towards zero.</summary>
    public readonly uint RoundingControl => (Control >> 10) & 3;

    /// <summary>An unmasked exception happened before the result could be computed: it must not be stored, and nothing popped.</summary>
    public readonly bool IsSuppressed => (Raised & ~Control & OperandExceptions) != 0;

    /// <summary>An unmasked invalid operation happened.</summary>
    public readonly bool IsInvalidUnmasked => (Raised & ~Control & X87Status.Invalid) != 0;

    /// <summary>Whether the exception <paramref name="flag"/> is masked.</summary>
    public readonly bool IsMasked(uint flag) => (Control & flag) != 0;

    /// <summary>Raises an invalid operation; the masked answer is the indefinite.</summary>
    public Float80 Invalid()
    {
        Raised |= X87Status.Invalid;
        return Float80.Indefinite;
    }

    /// <summary>Raises the denormal exception if <paramref name="denormal"/> or the memory operand calls for it; true if it is
    /// unmasked, and the instruction ends here.</summary>
    public bool StopsAtDenormal(bool denormal)
    {
        if (!(denormal | DenormalOperand))
        {
            return false;
        }
        Raised |= X87Status.Denormal;
        return !IsMasked(X87Status.Denormal);
    }
}
