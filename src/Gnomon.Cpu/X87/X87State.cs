using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gnomon.Cpu.X87;

/// <summary>The eight registers R0 to R7, 16 bytes each.</summary>
[InlineArray(8)]
internal struct Float80Registers
{
    private Float80 _first;
}

/// <summary>The state of the x87 FPU (Intel SDM vol. 1, 8.1). It has no references and may lie in native memory; all zero is not
/// its state after a reset: call <see cref="Reset"/>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct X87State
{
    /// <summary>The control word after FNINIT.</summary>
    public const ushort InitialControl = 0x037F;

    /// <summary>The data registers R0 to R7, not ST(0) to ST(7).</summary>
    public Float80Registers Registers;

    /// <summary>The linear or segment-relative address of the last instruction that was no control instruction.</summary>
    public uint InstructionPointer;

    /// <summary>The offset of the last memory operand.</summary>
    public uint DataPointer;

    /// <summary>The code segment selector of the last instruction.</summary>
    public ushort InstructionSelector;

    /// <summary>The segment selector of the last memory operand.</summary>
    public ushort DataSelector;

    /// <summary>The last opcode: bits 2:0 of the first byte, then the ModR/M byte (Intel SDM vol. 1, 8.1.9).</summary>
    public ushort LastOpcode;

    /// <summary>The control word.</summary>
    public ushort Control;

    /// <summary>The status word, with TOP in bits 13:11.</summary>
    public ushort Status;

    /// <summary>Bit i: register Ri is not empty. The other tags follow from the contents.</summary>
    public byte Occupied;

    /// <summary>The physical number of ST(0).</summary>
    public readonly int Top => (Status >> X87Status.TopShift) & 7;

    /// <summary>Whether an unmasked exception waits: a waiting instruction reports it first (#MF, or FERR# if CR0.NE is 0).</summary>
    public readonly bool HasPendingException => (Status & X87Status.ErrorSummary) != 0;

    /// <summary>The full tag word: two bits for each of R0 to R7, 0 valid, 1 zero, 2 special, 3 empty.</summary>
    public readonly ushort TagWord
    {
        get
        {
            uint word = 0;
            for (int i = 7; i >= 0; i--)
            {
                word = (word << 2) | TagOf(i);
            }
            return (ushort)word;
        }
    }

    /// <summary>The state after FNINIT; the registers' contents stay.</summary>
    public void Initialize()
    {
        Control = InitialControl;
        Status = 0;
        Occupied = 0;
        InstructionPointer = 0;
        DataPointer = 0;
        InstructionSelector = 0;
        DataSelector = 0;
        LastOpcode = 0;
    }

    /// <summary>The state after power-up or a reset (Intel SDM vol. 3, table 9-1).</summary>
    public void Reset()
    {
        this = default;
        Control = 0x0040;
        Occupied = 0xFF;
    }

    /// <summary>ST(<paramref name="index"/>).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly Float80 Get(int index) => Registers[(Top + index) & 7];

    /// <summary>Puts a number into ST(<paramref name="index"/>), which is then not empty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Set(int index, Float80 value)
    {
        int physical = (Top + index) & 7;
        Registers[physical] = value;
        Occupied |= (byte)(1 << physical);
    }

    /// <summary>Whether ST(<paramref name="index"/>) is empty.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool IsEmpty(int index) => ((Occupied >> ((Top + index) & 7)) & 1) == 0;

    /// <summary>Marks ST(<paramref name="index"/>) empty.</summary>
    public void Free(int index) => Occupied &= (byte)~(1 << ((Top + index) & 7));

    /// <summary>Adds <paramref name="difference"/> to TOP; no tag changes.</summary>
    public void Rotate(int difference)
    {
        int top = (Top + difference) & 7;
        Status = (ushort)((Status & ~(7 << X87Status.TopShift)) | (top << X87Status.TopShift));
    }

    /// <summary>Pushes a number; the caller has seen that ST(7) is empty, or overwrites it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Push(Float80 value)
    {
        Rotate(-1);
        Set(0, value);
    }

    /// <summary>Marks ST(0) empty and increments TOP.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Pop()
    {
        Free(0);
        Rotate(1);
    }

    /// <summary>Sets status bits and with them the error summary. C1 is what <paramref name="raised"/> says, the flags are sticky.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Raise(uint raised)
    {
        uint status = (Status & ~X87Status.C1) | raised;
        if ((status & ~(uint)Control & X87Status.Exceptions) != 0)
        {
            status |= X87Status.ErrorSummary | X87Status.Busy;
        }
        Status = (ushort)status;
    }

    /// <summary>Computes the error summary anew, after the masks or all flags changed.</summary>
    public void UpdateSummary()
    {
        uint status = Status & ~(X87Status.ErrorSummary | X87Status.Busy);
        if ((status & ~(uint)Control & X87Status.Exceptions) != 0)
        {
            status |= X87Status.ErrorSummary | X87Status.Busy;
        }
        Status = (ushort)status;
    }

    private readonly uint TagOf(int physical)
    {
        if (((Occupied >> physical) & 1) == 0)
        {
            return 3;
        }
        Float80 value = Registers[physical];
        return value.IsNormal ? 0u : value.IsZero ? 1u : 2u;
    }
}
