using Gnomon.Memory;
using Gnomon.Model.Tests.Model;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Model.Tests.Driving;

/// <summary>What the engine said to one step, in the model's words.</summary>
/// <param name="Result">What.</param>
/// <param name="Value">With which value.</param>
/// <param name="Kind">For faults: the kind.</param>
/// <param name="Store">What the step wrote to guest memory.</param>
/// <param name="Told">What the step's outcome was compared with already.</param>
public readonly record struct EngineAnswer(
    ModelResult Result, ulong Value, FaultKind? Kind, (ulong Address, byte[] Bytes)? Store, Expectation? Told)
{
    /// <summary>A fault's outcome.</summary>
    public static EngineAnswer OfFault(FaultOutcome outcome) => outcome.Kind switch
    {
        FaultKind.Mapped => new(ModelResult.Mapped, 0, outcome.Kind, null, null),
        FaultKind.GuestFault => new(ModelResult.Fault, (ulong)outcome.Code, outcome.Kind, null, null),
        FaultKind.Device => new(ModelResult.Device, outcome.Address.Value, outcome.Kind, null, null),
        _ => new((ModelResult)(-1), outcome.Address.Value, outcome.Kind, null, null),
    };

    /// <summary>The shadows had it already; what they showed is compared with the model by the observer.</summary>
    public static EngineAnswer Seen(Expectation told) => new(ModelResult.Mapped, 0, null, null, told);

    /// <summary>A store through the one door.</summary>
    public static (ulong, byte[])? Write(GuestMemory memory, ulong address, byte[] bytes) =>
        memory.Write(new Gpa(address), bytes) == PageStatus.Ok ? (address, bytes) : null;

    /// <summary>Runs a step.</summary>
    public static EngineAnswer Of(IShadowMmu mmu, Bench bench, List<ModelMemory> clones, GuestModel model, Operation op)
    {
        Gva gva = new((uint)op.Address);
        Gpa gpa = new(op.Address);
        EngineAnswer ok = default;
        switch (op.Kind)
        {
            case OperationKind.Poke:
                return ok with { Store = Write(bench.Memory, op.Address, BitConverter.GetBytes(op.Value)[..model.Config.EntrySize]) };
            case OperationKind.Bytes:
                return ok with { Store = Write(bench.Memory, op.Address, BitConverter.GetBytes(op.Value)[..(int)op.Extra]) };
            case OperationKind.SetPte:
                mmu.SetPte(op.Cpu, gpa, new Gva(op.Extra), op.Value);
                return ok;
            case OperationKind.SetPgd:
                mmu.SetPgd(op.Cpu, gpa, op.Extra);
                return ok;
            case OperationKind.SetPmd:
                mmu.SetPmd(op.Cpu, gpa, op.Extra);
                return ok;
            case OperationKind.Load:
                return ok with { Result = mmu.LoadPageTable(op.Cpu, gpa) ? ModelResult.Ok : ModelResult.Refused };
            case OperationKind.Fault:
                return OfFault(mmu.DemandPage(op.Cpu, gva, (PageFaultCode)op.Extra));
            case OperationKind.Pin:
                mmu.PinPage(op.Cpu, gva);
                return ok;
            case OperationKind.Stack:
                mmu.SetStack(op.Cpu, gva, (int)op.Extra);
                return ok;
            case OperationKind.FlushUser:
                mmu.FlushUser(op.Cpu);
                return ok;
            case OperationKind.ClearAll:
                mmu.ClearAll(op.Cpu);
                return ok;
            case OperationKind.Invlpg:
                mmu.InvalidatePage(op.Cpu, gva);
                return ok;
            case OperationKind.Prepare:
                mmu.PrepareToRun(op.Cpu, (int)op.Extra);
                return ok;
            case OperationKind.Translate:
                return Translate(mmu, model, op.Cpu, gva);
            case OperationKind.Controls:
                mmu.SetControls(op.Cpu, (PagingControls)op.Extra);
                return ok;
            case OperationKind.EnterLinear:
                mmu.EnterLinear(op.Cpu);
                return ok;
            case OperationKind.GuestData:
                mmu.SetGuestData(gva);
                return ok;
            case OperationKind.Trim:
                mmu.Trim((int)op.Extra);
                return ok;
            default:
                HostSide(bench, clones, model, op);
                return ok;
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{(Kind is null ? Result : Kind)} 0x{Value:x}";

    // The debugger's translation and listing first: they must not kill, and must say the same.
    private static EngineAnswer Translate(IShadowMmu mmu, GuestModel model, int cpu, Gva gva)
    {
        ModelWalk walk = model.Walker.Walk(model.Cpu(cpu), gva.Value);
        bool mapped = mmu.TryTranslateGuest(cpu, gva, out Gpa translation);
        if (!model.Cpu(cpu).Linear && !model.Config.InSwitcher(gva.Value) && walk.Page < model.Config.Pages)
        {
            bool found = walk.End == WalkEnd.Found;
            Observer.Require(mapped == found, $"TryTranslateGuest of {gva} says {mapped}, the model {walk.End}");
            ShadowLeaf[] leaves = [.. mmu.GuestLeaves(cpu, gva.Page, gva.Page)];
            Observer.Require(leaves.Length == (found ? 1 : 0), $"GuestLeaves of {gva} lists {leaves.Length}, the model says {walk.End}");
            if (found)
            {
                ShadowLeaf wanted = new(gva.Page, new Gfn(walk.Page), walk.Writable, walk.Executable, walk.User, false);
                Observer.Require(leaves[0] == wanted, $"GuestLeaves says {leaves[0]}, the model {wanted}");
            }
        }

        Gpa address = mmu.TranslateGuest(cpu, gva);
        Observer.Require(mapped && address == translation, $"TranslateGuest of {gva} says {address}, TryTranslateGuest {mapped} {translation}");
        return new EngineAnswer(ModelResult.Address, address.Value, null, null, null);
    }

    private static void HostSide(Bench bench, List<ModelMemory> clones, GuestModel model, Operation op)
    {
        switch (op.Kind)
        {
            case OperationKind.Reclaim:
                bench.Memory.Reclaim(new Gfn(op.Address >> 12));
                break;
            case OperationKind.FailAllocations:
                bench.Host.FailNextAllocations((int)op.Extra);
                break;
            case OperationKind.Clone when bench.Clones.Count < 3 && bench.Memory.Share(out GuestMemory? copy) == PageStatus.Ok:
                bench.Clones.Add(copy!);
                clones.Add(model.Memory.Copy());
                break;
            case OperationKind.CloneStore when bench.Clones.Count > 0:
                int which = op.Cpu % bench.Clones.Count;
                byte[] bytes = BitConverter.GetBytes(op.Value);
                if (bench.Clones[which].Write(new Gpa(op.Address), bytes) == PageStatus.Ok)
                {
                    clones[which].Write(op.Address, bytes);
                }

                break;
            case OperationKind.CloneDrop when bench.Clones.Count > 0:
                int gone = op.Cpu % bench.Clones.Count;
                bench.Clones[gone].Dispose();
                bench.Clones.RemoveAt(gone);
                clones.RemoveAt(gone);
                break;
            default:
                break;
        }
    }
}
