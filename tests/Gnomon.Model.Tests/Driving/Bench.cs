using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Model.Tests.Driving;

/// <summary>The things under test: host memory, a guest's memory, the Switcher, the shadow tables. Goes in the right order.</summary>
public sealed class Bench : IDisposable
{
    /// <summary>Makes them; what was made is given back where the rest fails.</summary>
    public Bench(Scenario scenario, HostMemory? host = null)
    {
        OwnsHost = host is null;
        Host = host ?? new HostMemory(scenario.HostMiB);
        Store = new TestPageStore(scenario.StorePages);
        Memory = new GuestMemory(Host, (int)scenario.Guest.Pages) { Store = Store };
        try
        {
            foreach (uint page in scenario.Guest.Holes)
            {
                Memory.Declare(new Gfn(page), 1, GuestPageState.Hole);
            }

            foreach (uint page in scenario.Guest.ReadOnly)
            {
                Memory.Declare(new Gfn(page), 1, GuestPageState.ReadOnly);
            }

            if (!scenario.Guest.Unmodified)
            {
                Switcher = new Switcher(Host, scenario.HostCpus);
            }

            Mmu = scenario.Guest.Pae
                ? ShadowMmu.CreatePae(Memory, scenario.Options(), Switcher)
                : ShadowMmu.CreateTwoLevel(Memory, scenario.Options(), Switcher);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The host.</summary>
    public HostMemory Host { get; }

    /// <summary>Whether the host goes with this.</summary>
    public bool OwnsHost { get; }

    /// <summary>The store.</summary>
    public TestPageStore Store { get; }

    /// <summary>The guest's memory.</summary>
    public GuestMemory Memory { get; }

    /// <summary>The Switcher.</summary>
    public Switcher? Switcher { get; private set; }

    /// <summary>The shadow tables.</summary>
    public IShadowMmu Mmu { get; private set; } = null!;

    /// <summary>Clones of the guest's memory.</summary>
    public List<GuestMemory> Clones { get; } = [];

    /// <summary>What is left when all are gone; null when nothing is.</summary>
    public string? Close()
    {
        foreach (GuestMemory clone in Clones)
        {
            clone.Dispose();
        }

        Clones.Clear();
        Mmu?.Dispose();
        Memory.Dispose();
        Switcher?.Dispose();
        Switcher = null;
        return Host.FramesInUse != 0
            ? $"{Host.FramesInUse} frames were not returned"
            : Store.PagesStored != 0 ? $"{Store.PagesStored} stored pages were not freed" : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Close();
        if (OwnsHost)
        {
            Host.Dispose();
        }
    }
}
