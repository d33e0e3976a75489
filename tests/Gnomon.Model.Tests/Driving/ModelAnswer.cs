using Gnomon.Model.Tests.Model;

namespace Gnomon.Model.Tests.Driving;

/// <summary>Puts one step to the model.</summary>
public static class ModelAnswer
{
    /// <summary>What the model allows.</summary>
    public static Expectation Of(GuestModel model, Operation op, EngineAnswer answer) => op.Kind switch
    {
        OperationKind.SetPte => model.SetPte(op.Cpu, op.Address, op.Extra, op.Value),
        OperationKind.SetPgd => model.SetPgd(op.Cpu, op.Address, op.Extra),
        OperationKind.SetPmd => model.SetPmd(op.Cpu, op.Address, op.Extra),
        OperationKind.Load => model.Load(op.Cpu, op.Address),
        OperationKind.Fault or OperationKind.Access => model.DemandPage(op.Cpu, (uint)op.Address, op.Extra),
        OperationKind.Pin => model.PinPage(op.Cpu, (uint)op.Address),
        OperationKind.Stack => model.SetStack(op.Cpu, (uint)op.Address, (int)op.Extra),
        OperationKind.FlushUser => model.FlushUser(op.Cpu),
        OperationKind.ClearAll => model.ClearAll(op.Cpu),
        OperationKind.Invlpg => model.InvalidatePage(op.Cpu, (uint)op.Address),
        OperationKind.Prepare => model.PrepareToRun(op.Cpu, (int)op.Extra),
        OperationKind.Translate => model.Translate(op.Cpu, (uint)op.Address),
        OperationKind.Controls => model.SetControls(op.Cpu, (op.Extra & 1) != 0, (op.Extra & 2) != 0, (op.Extra & 4) != 0),
        OperationKind.EnterLinear => model.EnterLinear(op.Cpu),
        OperationKind.GuestData => model.SetGuestData((uint)op.Address),
        _ => model.Invisible(),
    };
}
