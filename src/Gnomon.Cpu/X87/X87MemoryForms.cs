namespace Gnomon.Cpu.X87;

/// <summary>How an instruction uses its memory operand.</summary>
internal enum X87MemoryUse
{
    /// <summary>No such instruction: #UD.</summary>
    Undefined,

    /// <summary>It reads <see cref="X87MemoryForm.Length"/> bytes: <see cref="X87MemoryForms.Load"/>.</summary>
    Load,

    /// <summary>It writes: <see cref="X87MemoryForms.PrepareStore"/>, then <see cref="X87Stores.Commit"/>.</summary>
    Store,

    /// <summary>FLDCW: 2 bytes, <see cref="X87Images.LoadControl"/>.</summary>
    LoadControl,

    /// <summary>FNSTCW: writes <see cref="X87State.Control"/>; does not wait.</summary>
    StoreControl,

    /// <summary>FNSTSW m16: writes <see cref="X87State.Status"/>; does not wait.</summary>
    StoreStatus,

    /// <summary>FLDENV: <see cref="X87Images.ReadEnvironment"/>.</summary>
    LoadEnvironment,

    /// <summary>FNSTENV: <see cref="X87Images.WriteEnvironment"/>, <see cref="X87Images.CommitEnvironment"/>; does not wait.</summary>
    StoreEnvironment,

    /// <summary>FRSTOR: <see cref="X87Images.ReadSave"/>.</summary>
    Restore,

    /// <summary>FNSAVE: <see cref="X87Images.WriteSave"/>, <see cref="X87State.Initialize"/>; does not wait.</summary>
    Save,
}

/// <summary>A memory form: its use of memory and, for <see cref="X87MemoryUse.Load"/> and <see cref="X87MemoryUse.Store"/>, the operand's
/// bytes.</summary>
internal readonly record struct X87MemoryForm(X87MemoryUse Use, int Length)
{
    /// <summary>A control instruction: it leaves the last instruction and data pointers and the last opcode (Intel SDM vol. 1, 8.1.8).</summary>
    public bool IsControl => Use >= X87MemoryUse.LoadControl;

    /// <summary>It does not look at <see cref="X87State.HasPendingException"/> first (Intel SDM vol. 1, 8.3.11).</summary>
    public bool IsNonWaiting => Use is X87MemoryUse.StoreControl or X87MemoryUse.StoreStatus or X87MemoryUse.StoreEnvironment or X87MemoryUse.Save;
}

/// <summary>The instructions D8 to DF with a memory operand, by opcode and reg field (Intel SDM vol. 2, tables ).</summary>
internal static class X87MemoryForms
{
    /// <summary>What an instruction does with memory.</summary>
    /// <param name="opcode">D8H to DFH.</param>
    /// <param name="reg">The reg field, 0 to 7.</param>
    public static X87MemoryForm Describe(uint opcode, uint reg) => (opcode, reg) switch
    {
        (0xD8 or 0xDA, _) or (0xD9 or 0xDB, 0) => new(X87MemoryUse.Load, 4),
        (0xDC, _) or (0xDD, 0) or (0xDF, 5) => new(X87MemoryUse.Load, 8),
        (0xDE, _) or (0xDF, 0) => new(X87MemoryUse.Load, 2),
        (0xDB, 5) or (0xDF, 4) => new(X87MemoryUse.Load, 10),
        (0xD9, 2 or 3) or (0xDB, 1 or 2 or 3) => new(X87MemoryUse.Store, 4),
        (0xDD, 1 or 2 or 3) or (0xDF, 7) => new(X87MemoryUse.Store, 8),
        (0xDF, 1 or 2 or 3) => new(X87MemoryUse.Store, 2),
        (0xDB, 7) or (0xDF, 6) => new(X87MemoryUse.Store, 10),
        (0xD9, 4) => new(X87MemoryUse.LoadEnvironment, 0),
        (0xD9, 5) => new(X87MemoryUse.LoadControl, 2),
        (0xD9, 6) => new(X87MemoryUse.StoreEnvironment, 0),
        (0xD9, 7) => new(X87MemoryUse.StoreControl, 2),
        (0xDD, 4) => new(X87MemoryUse.Restore, 0),
        (0xDD, 6) => new(X87MemoryUse.Save, 0),
        (0xDD, 7) => new(X87MemoryUse.StoreStatus, 2),
        _ => new(X87MemoryUse.Undefined, 0),
    };

    /// <summary>Executes an instruction whose operand has been read.</summary>
    /// <param name="state">The FPU.</param>
    /// <param name="opcode">D8H to DFH.</param>
    /// <param name="reg">The reg field; <see cref="Describe"/> says Load.</param>
    /// <param name="low">The first 8 bytes, little-endian; those beyond the operand do not matter.</param>
    /// <param name="high">Bytes 8 and 9.</param>
    public static void Load(ref X87State state, uint opcode, uint reg, ulong low, ushort high)
    {
        switch (opcode)
        {
            case 0xD8 when reg is 2 or 3:
                X87Compares.Single(ref state, (uint)low, reg == 3);
                break;
            case 0xD8:
                X87Arithmetic.Single(ref state, (X87BinaryOperation)reg, (uint)low);
                break;
            case 0xDC when reg is 2 or 3:
                X87Compares.Double(ref state, low, reg == 3);
                break;
            case 0xDC:
                X87Arithmetic.Double(ref state, (X87BinaryOperation)reg, low);
                break;
            case 0xDA or 0xDE when reg is 2 or 3:
                X87Compares.Integer(ref state, opcode == 0xDA ? (int)low : (short)low, reg == 3);
                break;
            case 0xDA or 0xDE:
                X87Arithmetic.Integer(ref state, (X87BinaryOperation)reg, opcode == 0xDA ? (int)low : (short)low);
                break;
            case 0xD9:
                X87Loads.Single(ref state, (uint)low);
                break;
            case 0xDD:
                X87Loads.Double(ref state, low);
                break;
            case 0xDB when reg == 0:
                X87Loads.Integer(ref state, (int)low);
                break;
            case 0xDB:
                X87Loads.Extended(ref state, low, high);
                break;
            case 0xDF when reg == 4:
                Bcd.Load(ref state, low, high);
                break;
            case 0xDF:
                X87Loads.Integer(ref state, reg == 0 ? (short)low : (long)low);
                break;
        }
    }

    /// <summary>What a store instruction will do.</summary>
    /// <param name="state">The FPU, which stays as it is.</param>
    /// <param name="opcode">D9H, DBH, DDH or DFH.</param>
    /// <param name="reg">The reg field; <see cref="Describe"/> says Store.</param>
    public static X87PendingStore PrepareStore(in X87State state, uint opcode, uint reg) => (opcode, reg) switch
    {
        (0xD9, _) => X87Stores.Single(state, reg == 3),
        (0xDD, 1) => X87Stores.Integer(state, 64, pop: true, truncate: true),
        (0xDD, _) => X87Stores.Double(state, reg == 3),
        (0xDB, 7) => X87Stores.Extended(state),
        (0xDB, _) => X87Stores.Integer(state, 32, reg != 2, reg == 1),
        (_, 6) => Bcd.Store(state),
        (_, 7) => X87Stores.Integer(state, 64, pop: true, truncate: false),
        _ => X87Stores.Integer(state, 16, reg != 2, reg == 1),
    };
}
