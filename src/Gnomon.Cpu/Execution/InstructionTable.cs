using Gnomon.Cpu.Instructions;
using Iced.Intel;

namespace Gnomon.Cpu.Execution;

/// <summary>
/// The one table of instructions: for every form that the processor has, the row that makes its op. A form without a row is an invalid
/// opcode. Rows are entered by the families in <c>Instructions/</c>, each instruction once.
/// </summary>
// SAFETY: the pointers are those of static methods.
internal sealed unsafe class InstructionTable
{
    private readonly delegate*<ref OpBuilder, void>[] _makers;
    private readonly bool[] _lockable;

    private InstructionTable()
    {
        int forms = Enum.GetValues<Code>().Length;
        _makers = new delegate*<ref OpBuilder, void>[forms];
        _lockable = new bool[forms];
        Alu.Register(this);
        Moves.Register(this);
        Branches.Register(this);
        Stack.Register(this);
        Shifts.Register(this);
        DoubleShifts.Register(this);
        Multiply.Register(this);
        Divide.Register(this);
        Instructions.Convert.Register(this);
        BitTests.Register(this);
        BitScans.Register(this);
        Bcd.Register(this);
        Exchange.Register(this);
        Conditionals.Register(this);
        FlagMoves.Register(this);
        Nops.Register(this);
        FloatingPoint.Register(this);
        Strings.Register(this);
        StringCompares.Register(this);
        PortIo.Register(this);
        PortStrings.Register(this);
        StackFrames.Register(this);
        FlagTransfers.Register(this);
        Bounds.Register(this);
        SoftwareInterrupts.Register(this);
        CpuIdentity.Register(this);
        ModelSpecific.Register(this);
        SegmentLoads.Register(this);
        SegmentChecks.Register(this);
        SystemTables.Register(this);
        FarTransfers.Register(this);
        FarReturns.Register(this);
        InterruptReturns.Register(this);
        ControlMoves.Register(this);
        DebugMoves.Register(this);
        Control.Register(this);
    }

    /// <summary>The table. It never changes.</summary>
    public static InstructionTable Instance { get; } = new();

    /// <summary>The forms that have a row.</summary>
    public IEnumerable<Code> Codes => Enumerable.Range(0, _makers.Length).Where(Has).Select(index => (Code)index);

    /// <summary>Enters a row.</summary>
    /// <param name="code">The instruction form.</param>
    /// <param name="maker">Makes its op.</param>
    /// <param name="lockable">Whether LOCK is allowed when the destination is memory.</param>
    /// <exception cref="InvalidOperationException">The form has a row already.</exception>
    public void Add(Code code, delegate*<ref OpBuilder, void> maker, bool lockable = false)
    {
        if (_makers[(int)code] != null)
        {
            throw new InvalidOperationException($"{code} has two rows.");
        }

        _makers[(int)code] = maker;
        _lockable[(int)code] = lockable;
    }

    /// <summary>The row of a form, or null.</summary>
    public delegate*<ref OpBuilder, void> Find(Code code) => _makers[(int)code];

    /// <summary>Whether LOCK is allowed before a form whose destination is memory.</summary>
    public bool IsLockable(Code code) => _lockable[(int)code];

    private bool Has(int index) => _makers[index] != null;
}
