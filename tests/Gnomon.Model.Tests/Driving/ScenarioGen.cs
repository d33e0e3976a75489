using CsCheck;
using Gnomon.Model.Tests.Model;

namespace Gnomon.Model.Tests.Driving;

/// <summary>Which combination of options a scenario must have.</summary>
public readonly record struct Combination(bool Pae, bool Unmodified, ModelCoherence Coherence, Replacement Replacement, int Prefault, bool Discard);

/// <summary>Generates guests and what happens to them.</summary>
public static class ScenarioGen
{
    /// <summary>Scenarios of one combination.</summary>
    public static Gen<Scenario> Of(Combination combination) =>
        from guest in Guest(combination)
        from rest in Gen.Select(Gen.Int[0, 3], Gen.Frequency((3, Gen.Const(0)), (1, Gen.Int[1, 8])), Gen.Int[1, 3], Gen.Frequency((14, Gen.Const(16)), (1, Gen.Const(1))),
            Gen.OneOf(64, 64, 3), Gen.Int[0, 9])
        from steps in StepGen.Sequence(guest, rest.Item3)
        select new Scenario
        {
            Guest = guest,
            Replacement = combination.Replacement,
            Prefault = combination.Prefault,
            Discard = combination.Discard,
            Slots = guest.Cpus + rest.Item1,
            Budget = rest.Item2 == 0 ? 0 : SmallestBudget(guest) + rest.Item2 - 1,
            HostCpus = rest.Item3,
            HostMiB = rest.Item4,
            StorePages = rest.Item5,
            DiscardOnSetPmd = rest.Item6 == 0,
            Steps = steps,
        };

    // What the engine's documentation gives as the least with which every instruction can finish.
    private static int SmallestBudget(ModelConfig guest) => (guest.Cpus * (2 + ((guest.Levels - 1) * 11))) + guest.Levels;

    private static Gen<ModelConfig> Guest(Combination c) =>
        from pages in Gen.OneOf(64, 128, 256)
        from cpus in Gen.Frequency((5, Gen.Const(1)), (2, Gen.Const(2)), (1, Gen.Const(3)))
        from kernel in Gen.OneOf(0xC000_0000u, 0xC000_0000u, 0xC008_0000u, 0x8000_0000u, 0x0000_2000u, 0u)
        from shape in Gen.Select(Gen.Int[0, 3], Gen.Int[0, 3], Gen.Int[0, 11], Gen.Int[0, 7])
        select new ModelConfig
        {
            Pae = c.Pae,
            Unmodified = c.Unmodified,
            Coherence = c.Coherence,
            Pages = (uint)pages,
            Cpus = cpus,
            Kernel = kernel,
            Switcher = shape.Item4 == 0 ? 0xFF80_0000 : c.Pae ? 0xFFE0_0000 : 0xFFC0_0000,
            Devices = shape.Item1 switch { 0 => [(14, 2)], 1 => [(12, 1), ((uint)pages - 2, 8)], _ => [] },
            Holes = shape.Item2 == 0 ? [20] : [],
            ReadOnly = shape.Item2 switch { 0 or 1 => [21, 22], 2 when shape.Item1 == 3 => [9], _ => [] },
            Strict = shape.Item3 == 0 && !c.Unmodified,
        };
}
