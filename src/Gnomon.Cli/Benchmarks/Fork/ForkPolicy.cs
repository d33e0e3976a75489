using Gnomon.Shadow;

namespace Gnomon.Cli.Benchmarks.Fork;

/// <summary>How the shadow tables behave in a measurement.</summary>
/// <param name="Name">Its name in tables and JSON.</param>
/// <param name="IsClassic">Whether these are the original's policies.</param>
internal sealed record ForkPolicy(string Name, bool IsClassic)
{
    private const int Seed = 1;
    private const int ClassicSlots = 4;

    /// <summary>As the original: four slots, a victim chosen by chance, every flush and every change of a mid-level entry throws all
    /// away, and no fault fills more than its own entry.</summary>
    public static ForkPolicy Classic { get; } = new("classic", true);

    /// <summary>Gnomon's own: 64 slots, the least recently used goes, a flush compares.</summary>
    public static ForkPolicy Default { get; } = new("default", false);

    /// <summary>The engine's options. The policy is a new object: it may keep state.</summary>
    public ShadowOptions Create() => !IsClassic ? new ShadowOptions() : new ShadowOptions
    {
        Slots = ClassicSlots,
        Policy = new RandomPolicy(Seed),
        Prefault = 1,
        OnFlush = FlushPolicy.Discard,
        DiscardAllOnSetPmd = true,
    };
}
