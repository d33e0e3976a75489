namespace Gnomon.Model.Tests.Driving;

/// <summary>Makes a failing scenario short: takes steps away, then simplifies options, while it still fails.</summary>
public static class Shrinker
{
    /// <summary>The shortest failing scenario found.</summary>
    /// <param name="scenario">One that fails.</param>
    /// <param name="deviation">How; replaced by how the short one fails.</param>
    /// <param name="run">Runs a scenario: null where it does not fail.</param>
    public static Scenario Shrink(Scenario scenario, ref Deviation deviation, Func<Scenario, Deviation?> run)
    {
        scenario = scenario with { Steps = [.. scenario.Steps.Take(deviation.Step + 1)] };
        bool smaller = true;
        while (smaller)
        {
            smaller = false;
            for (int chunk = Math.Max(1, scenario.Steps.Count / 2); chunk >= 1; chunk /= 2)
            {
                for (int at = scenario.Steps.Count - chunk; at >= 0; at -= chunk)
                {
                    Scenario candidate = scenario with { Steps = [.. scenario.Steps.Take(at), .. scenario.Steps.Skip(at + chunk)] };
                    smaller |= Try(candidate, ref scenario, ref deviation, run);
                }
            }

            foreach (Scenario candidate in Simpler(scenario))
            {
                smaller |= candidate != scenario && Try(candidate, ref scenario, ref deviation, run);
            }
        }

        return scenario;
    }

    private static bool Try(Scenario candidate, ref Scenario scenario, ref Deviation deviation, Func<Scenario, Deviation?> run)
    {
        Deviation? found = run(candidate);
        if (found is null)
        {
            return false;
        }

        scenario = candidate with { Steps = [.. candidate.Steps.Take(found.Step + 1)] };
        deviation = found;
        return true;
    }

    private static IEnumerable<Scenario> Simpler(Scenario s)
    {
        int cpus = s.Steps.Count == 0 ? 1 : s.Steps.Max(step => step.Cpu) + 1;
        if (s.Guest.Cpus > cpus)
        {
            yield return s with { Guest = s.Guest with { Cpus = cpus } };
        }

        yield return s.Prefault == 1 ? s : s with { Prefault = 1 };
        yield return s.Budget == 0 ? s : s with { Budget = 0 };
        yield return s.HostMiB == 16 ? s : s with { HostMiB = 16 };
        yield return s.Slots == 4 ? s : s with { Slots = 4 };
        yield return !s.Discard ? s : s with { Discard = false };
        yield return !s.DiscardOnSetPmd ? s : s with { DiscardOnSetPmd = false };
        yield return s.Replacement == Replacement.Lru ? s : s with { Replacement = Replacement.Lru };
        yield return s.Guest.Holes.Count == 0 ? s : s with { Guest = s.Guest with { Holes = [] } };
        yield return s.Guest.ReadOnly.Count == 0 ? s : s with { Guest = s.Guest with { ReadOnly = [] } };
        yield return s.Guest.Devices.Count == 0 ? s : s with { Guest = s.Guest with { Devices = [] } };
        yield return !s.Guest.Strict ? s : s with { Guest = s.Guest with { Strict = false } };
        yield return s.Guest.Kernel == 0xC000_0000 ? s : s with { Guest = s.Guest with { Kernel = 0xC000_0000 } };
    }
}
