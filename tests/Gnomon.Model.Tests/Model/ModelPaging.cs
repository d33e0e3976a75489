namespace Gnomon.Model.Tests.Model;

/// <summary>What a fault comes to, in the order of the contract's steps.</summary>
/// <param name="config">The guest.</param>
/// <param name="walker">The walks.</param>
public sealed class ModelPaging(ModelConfig config, ModelWalker walker)
{
    private const uint Write = 2;
    private const uint User = 4;
    private const uint Fetch = 16;

    /// <summary>Whether a store to a page may be caught.</summary>
    public Func<ulong, bool> MayBeWatched { get; set; } = _ => false;

    /// <summary>The guest has another kernel address.</summary>
    public ModelWalker Reconfigure(ModelConfig changed, ModelMemory memory, StaleEntries stale)
    {
        config = changed;
        walker = new ModelWalker(changed, memory, stale);
        return walker;
    }

    /// <summary>One fault.</summary>
    public void Demand(ModelCpu cpu, uint address, uint code, Expectation e)
    {
        uint kept = code & (Write | User | (config.Pae && cpu.NoExecute ? Fetch : 0));
        if (config.InSwitcher(address))
        {
            Fault(e, kept | (cpu.Linear ? 0 : Found(walker.Walk(cpu, address))));
            return;
        }

        ModelWalk walk = walker.Walk(cpu, address);
        if (walk.End == WalkEnd.Outside)
        {
            e.MustKill("a table is outside memory");
            return;
        }

        bool write = (code & Write) != 0;
        bool user = (code & User) != 0;
        bool mayWrite = walk.Writable || (!user && !cpu.WriteProtect);
        bool mayFetch = (code & Fetch) == 0 || walk.Executable;
        if (walk.End != WalkEnd.Found || (write && !mayWrite) || (user && !walk.User) || !mayFetch)
        {
            Fault(e, kept | Found(walk));
            return;
        }

        Land(cpu, walk, address, write, e);
    }

    /// <summary>A write of the guest kernel that must succeed.</summary>
    public void Pin(ModelCpu cpu, uint address, Expectation e, bool certain)
    {
        bool sure = certain && walker.IsExact(cpu, address);
        Expectation pin = new();
        Demand(cpu, address, Write, pin);
        bool fails = pin.Kill == ModelKill.Must || (pin.Result is not ModelResult.Mapped && !pin.AnyResult);
        if (fails && sure && !pin.WatchedAllowed)
        {
            e.MustKill($"0x{address:x} cannot be pinned: {pin}");
            return;
        }

        if (fails || pin.Kill != ModelKill.Never || pin.WatchedAllowed || pin.AnyResult)
        {
            e.MayKill($"0x{address:x} may not be pinned: {pin}");
        }

        if (!fails)
        {
            e.Effects.AddRange(pin.Effects.Select(effect => effect with { Certain = effect.Certain && sure && !pin.WatchedAllowed }));
        }
    }

    /// <summary>The stack's pages.</summary>
    public void PinStack(ModelCpu cpu, Expectation e, bool certain)
    {
        foreach (uint page in cpu.StackAddresses())
        {
            Pin(cpu, page, e, certain);
            if (e.Kill == ModelKill.Must)
            {
                return;
            }
        }
    }

    private static void Fault(Expectation e, uint code)
    {
        e.Result = ModelResult.Fault;
        e.Value = code;
    }

    // Bits 0 and 3 of the error code.
    private static uint Found(ModelWalk walk) => walk.End switch
    {
        WalkEnd.Found => 1,
        WalkEnd.Reserved => 9,
        _ => 0,
    };

    private void Land(ModelCpu cpu, ModelWalk walk, uint address, bool write, Expectation e)
    {
        e.Value = (walk.Page << 12) | (address & 0xFFF);
        if (config.IsDevice(walk.Page))
        {
            e.Result = ModelResult.Device;
            return;
        }

        if (walk.Page >= config.Pages)
        {
            BusOrKill(e, "the page is outside memory");
            return;
        }

        if (config.Strict && !cpu.Linear && walk.Steps.Any(step => (Flags(step.Entry) & ~StrictFlags(step.Level)) != 0))
        {
            e.MustKill("strict");
            return;
        }

        if (config.Holes.Contains((uint)walk.Page))
        {
            e.AnyResult = config.Unmodified;
            BusOrKill(e, "the page is a hole");
            return;
        }

        if (write && config.ReadOnly.Contains((uint)walk.Page))
        {
            BusOrKill(e, "the page is read-only");
            return;
        }

        if (config.Strict && walk.Steps.Take(walk.Steps.Count - 1).Any(step => step.Address == walk.Steps[^1].Address))
        {
            // The leaf is an upper entry too: once accessed, it has a flag that strict mode may forbid there.
            e.MayKill("strict");
        }

        e.Result = ModelResult.Mapped;
        e.WatchedAllowed = write && MayBeWatched(walk.Page);
        Mark(walk, write, e);
    }

    private void BusOrKill(Expectation e, string why)
    {
        e.Result = ModelResult.Device;
        if (e.AnyResult)
        {
            e.MayKill(why);
        }
        else if (!config.Unmodified)
        {
            e.MustKill(why);
        }
    }

    private void Mark(ModelWalk walk, bool write, Expectation e)
    {
        for (int i = 0; i < walk.Steps.Count; i++)
        {
            WalkStep step = walk.Steps[i];
            bool leaf = i == walk.Steps.Count - 1;
            if (step.Address == ModelWalk.Register || step.Level == 3 || (!leaf && !config.Unmodified))
            {
                continue;
            }

            ulong bits = 0x20u | (leaf && write ? 0x40u : 0u);
            bool blocked = (step.Entry & bits) != bits && config.ReadOnly.Contains((uint)(step.Address >> 12));
            if (blocked)
            {
                // The table itself cannot be written to: the contract does not say what then.
                e.AnyResult = true;
                e.MayKill("the table is read-only");
            }
            else
            {
                e.Effects.Add(new ModelEffect(step.Address, bits, Certain: !e.AnyResult));
            }
        }
    }

    private ulong Flags(ulong entry) => entry & ~(config.Pae ? 0xF_FFFF_F000UL : 0xFFFF_F000UL);

    private ulong StrictFlags(int level) => (config.Pae, level) switch
    {
        (true, 3) => 1,
        (_, 2) => 0x67,
        (true, _) => (1UL << 63) | 0xF7F,
        _ => 0xF7F,
    };
}
