using Gnomon.Memory;
using Gnomon.Model.Tests.Model;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Model.Tests.Driving;

/// <summary>Runs a scenario on the engine and on the model, and compares after every step.</summary>
public sealed class ScenarioRun : IDisposable
{
    private const int PatienceSeconds = 20;

    private readonly Scenario _scenario;
    private readonly Bench _bench;
    private readonly GuestModel _model;
    private readonly Observer _observer;
    private readonly List<ModelMemory> _clones = [];
    private HashSet<ulong> _watchedBefore = [];
    private long _scarceUntil;
    private string _said = "";

    private ScenarioRun(Scenario scenario)
    {
        _scenario = scenario;
        _bench = new Bench(scenario);
        _model = new GuestModel(scenario.Guest) { MayBeWatched = MayBeWatched };
        _observer = new Observer(_bench, _model, Samples(scenario));
    }

    private IShadowMmu Mmu => _bench.Mmu;

    private bool IsScarce => _scenario.HostMiB == 1 || _bench.Host.Allocations < _scarceUntil;

    /// <summary>Runs it.</summary>
    /// <param name="scenario">What.</param>
    /// <param name="steps">How many steps were run.</param>
    /// <returns>Null when engine and model agree.</returns>
    public static Deviation? Run(Scenario scenario, out int steps)
    {
        // On a thread of its own: a step that never ends is a finding, not a test that hangs.
        int done = 0;
        Deviation? deviation = null;
        Thread thread = new(() => deviation = RunHere(scenario, ref done)) { IsBackground = true };
        thread.Start();
        if (!thread.Join(TimeSpan.FromSeconds(PatienceSeconds)))
        {
            steps = Volatile.Read(ref done);
            return new Deviation(steps, "the step never ends") { Hangs = true };
        }

        steps = done;
        return deviation;
    }

    private static Deviation? RunHere(Scenario scenario, ref int steps)
    {
        ScenarioRun? run = null;
        try
        {
            run = new ScenarioRun(scenario);
            bool alive = true;
            run._observer.Look();
            while (steps < scenario.Steps.Count && alive)
            {
                alive = run.Step(scenario.Steps[steps]);
                steps++;
            }

            run.Finish(alive);
            return null;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            string text = e is DeviationException ? $"{e.Message} ({run?._said})" : e.ToString();
            return new Deviation(steps, text);
        }
        finally
        {
            try
            {
                run?.Dispose();
            }
            catch (InvalidOperationException)
            {
                // A run that failed may leave counts that do not add up: that must not hide why it failed.
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _bench.Dispose();

    // Values that every step looks at, mapped or not: those that the scenario names.
    private static List<uint> Samples(Scenario scenario) =>
        [.. scenario.Steps.Where(s => s.Kind is OperationKind.Access or OperationKind.Fault or OperationKind.Pin)
            .Select(s => (uint)s.Address & ~0xFFFu).Distinct().Take(24)];

    private bool MayBeWatched(ulong page) =>
        page < _model.Config.Pages && (_watchedBefore.Contains(page) || IsWatched(page));

    private bool IsWatched(ulong page) => (_bench.Memory.Page(new Gfn(page)).Flags & GuestPageState.Watched) != 0;

    private bool Step(Operation op)
    {
        bool scarce = IsScarce;
        _watchedBefore = _model.Config.Coherence == ModelCoherence.Notified
            ? []
            : [.. Enumerable.Range(0, (int)_model.Config.Pages).Select(p => (ulong)p).Where(IsWatched)];
        string? killed = null;
        EngineAnswer answer = default;
        try
        {
            answer = op.Kind == OperationKind.Access ? Access(op) : EngineAnswer.Of(Mmu, _bench, _clones, _model, op);
        }
        catch (GuestKilledException e)
        {
            killed = e.Message;
        }

        Expectation expected = answer.Told ?? ModelAnswer.Of(_model, op, answer);
        if (scarce)
        {
            expected.MayKill("memory is scarce");
        }

        _said = killed is null ? $"the engine said {answer}" : $"killed: {killed}";
        Judge(expected, answer, killed);
        Apply(expected, killed is not null);
        if (op.Kind == OperationKind.FailAllocations)
        {
            _scarceUntil = _bench.Host.Allocations + op.Extra;
        }

        if (killed is null && answer.Store is (ulong address, byte[] bytes))
        {
            _model.Store(address, bytes);
        }

        if (killed is null && answer.Kind == FaultKind.Mapped && op.Kind is OperationKind.Fault)
        {
            RequireMapped(op.Cpu, (uint)op.Address, (PageFaultCode)op.Extra);
        }

        _observer.Look();
        return killed is null;
    }

    private void Judge(Expectation expected, EngineAnswer answer, string? killed)
    {
        Observer.Require((Mmu.KillReason is null) == (killed is null), $"killed: {killed}, but the reason kept is {Mmu.KillReason}");
        if (killed is not null)
        {
            Observer.Require(expected.Kill != ModelKill.Never, $"killed: {killed}; expected {expected}");
            return;
        }

        Observer.Require(expected.Kill != ModelKill.Must, $"lives with {answer}; expected {expected}");
        bool same = answer.Result == expected.Result && (answer.Result is ModelResult.Ok or ModelResult.Mapped or ModelResult.Refused || answer.Value == expected.Value);
        bool watched = expected.WatchedAllowed && answer.Kind == FaultKind.Watched && answer.Value == expected.Value;
        Observer.Require(expected.AnyResult || same || watched, $"says {answer}; expected {expected}");
    }

    // Accessed and dirty bits: the certain ones must be there, the others may; Observer compares the rest.
    private void Apply(Expectation expected, bool killed)
    {
        foreach (ModelEffect effect in expected.Effects)
        {
            int size = _model.Config.EntrySize;
            ulong old = _model.Memory.Read(effect.Address, size);
            ulong bits = effect.Bits;
            if (!effect.Certain || killed)
            {
                byte[] bytes = new byte[8];
                _bench.Memory.Read(new Gpa(effect.Address), bytes.AsSpan(0, size));
                bits &= BitConverter.ToUInt64(bytes);
            }

            if ((old | bits) != old)
            {
                _model.Memory.Write(effect.Address, old | bits, size);
            }
        }
    }

    // What a CPU does: walk the shadows, on a fault ask, walk again.
    private EngineAnswer Access(Operation op)
    {
        uint address = (uint)op.Address;
        PageFaultCode code = (PageFaultCode)op.Extra;
        if (_model.Config.InSwitcher(address))
        {
            return EngineAnswer.OfFault(Mmu.DemandPage(op.Cpu, new Gva(address), code));
        }

        SeenTranslation? seen = _observer.See(op.Cpu, address, code, out HardwareTranslation translation);
        if (seen is not null)
        {
            Expectation told = new() { Result = ModelResult.Mapped };
            return EngineAnswer.Seen(told) with { Store = WriteThrough(op, seen.Value, translation) };
        }

        FaultOutcome outcome = Mmu.DemandPage(op.Cpu, new Gva(address), code);
        EngineAnswer answer = EngineAnswer.OfFault(outcome);
        if (outcome.Kind == FaultKind.Mapped)
        {
            seen = _observer.See(op.Cpu, address, code, out translation);
            Observer.Require(seen is not null, $"cpu {op.Cpu} 0x{address:x}: mapped, but the shadows still refuse {code}");
            answer = answer with { Store = WriteThrough(op, seen!.Value, translation) };
        }
        else if (outcome.Kind == FaultKind.Watched)
        {
            Observer.Require(IsWatched(outcome.Address.Value >> 12), $"{outcome} names a page that is not watched");
            _watchedBefore.Add(outcome.Address.Value >> 12);
            answer = answer with { Store = EngineAnswer.Write(_bench.Memory, outcome.Address.Value & ~(ulong)(_model.Config.EntrySize - 1), Bytes(op)) };
        }

        return answer;
    }

    private byte[] Bytes(Operation op) => BitConverter.GetBytes(op.Value)[.._model.Config.EntrySize];

    private (ulong, byte[])? WriteThrough(Operation op, SeenTranslation seen, HardwareTranslation translation)
    {
        if ((op.Extra & 2) == 0)
        {
            return null;
        }

        byte[] bytes = Bytes(op);
        int offset = (int)(op.Address & 0xFFF) & ~(bytes.Length - 1);
        bytes.CopyTo(_bench.Host.Bytes(translation.Frame)[offset..]);
        return ((seen.Page << 12) + (ulong)offset, bytes);
    }

    private void RequireMapped(int cpu, uint address, PageFaultCode code)
    {
        SeenTranslation? seen = _observer.See(cpu, address, code, out _);
        Observer.Require(seen is not null, $"cpu {cpu} 0x{address:x}: mapped, but the shadows still refuse {code}");
    }

    private void Finish(bool alive)
    {
        if (!alive)
        {
            RequireDead();
        }

        _bench.Host.FailNextAllocations(0);
        if (_scenario.HostMiB > 1)
        {
            _observer.LookAtAllMemory(_bench.Memory, _model.Memory, "guest");
            for (int i = 0; i < _clones.Count; i++)
            {
                _observer.LookAtAllMemory(_bench.Clones[i], _clones[i], $"clone {i}");
            }
        }

        string? broken = Mmu.Audit();
        Observer.Require(broken is null, $"audit at the end: {broken}");
        string? left = _bench.Close();
        Observer.Require(left is null, left ?? "");
    }

    private void RequireDead()
    {
        Observer.Require(!string.IsNullOrWhiteSpace(Mmu.KillReason), "a killed guest has no reason");
        Action[] dead =
        [
            () => Mmu.DemandPage(0, new Gva(0x1000), PageFaultCode.None),
            () => Mmu.ClearAll(0),
            () => Mmu.LoadPageTable(0, new Gpa(0x1000)),
            () => Mmu.PrepareToRun(0, 0),
        ];
        foreach (Action operation in dead)
        {
            try
            {
                operation();
            }
            catch (GuestKilledException)
            {
                continue;
            }

            throw new DeviationException("an operation went on after the guest was killed");
        }
    }
}
