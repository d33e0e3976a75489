namespace Gnomon.Model.Tests.Driving;

/// <summary>Makes a failing scenario short: takes steps away, then simplifies options, while it still fails.</summary>
public static class Shrinker
{
    // Each takes one option to its plainest value, and leaves a scenario that has it equal.
    private static readonly Func<Scenario, Scenario>[] Simpler =
    [
        s => s with { Guest = s.Guest with { Cpus = Math.Min(s.Guest.Cpus, s.Steps.Count == 0 ? 1 : s.Steps.Max(step => step.Cpu) + 1) } },
        s => s with { Prefault = 1 },
        s => s with { Budget = 0 },
        s => s with { HostMiB = 16 },
        s => s with { Slots = Math.Max(4, s.Guest.Cpus) },
        s => s with { Discard = false },
        s => s with { DiscardOnSetPmd = false },
        s => s with { Replacement = Replacement.Lru },
        s => s.Guest.Holes.Count == 0 ? s : s with { Guest = s.Guest with { Holes = [] } },
        s => s.Guest.ReadOnly.Count == 0 ? s : s with { Guest = s.Guest with { ReadOnly = [] } },
        s => s.Guest.Devices.Count == 0 ? s : s with { Guest = s.Guest with { Devices = [] } },
        s => s with { Guest = s.Guest with { Strict = false } },
        s => s with { Guest = s.Guest with { Kernel = 0xC000_0000 } },
    ];

    /// <summary>The shortest failing scenario found.</summary>
    /// <param name="scenario">One that fails.</param>
    /// <param name="deviation">How; replaced by how the short one fails.</param>
    /// <param name="run">Runs a scenario: null where it does not fail.</param>
    public static Scenario Shrink(Scenario scenario, ref Deviation deviation, Func<Scenario, Deviation?> run)
    {
        scenario = scenario with { Steps = [.. scenario.Steps.Take(deviation.Step + 1)] };
        bool smaller = !deviation.Hangs;
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

            foreach (Func<Scenario, Scenario> simpler in Simpler)
            {
                Scenario candidate = simpler(scenario);
                smaller |= candidate != scenario && Try(candidate, ref scenario, ref deviation, run);
            }
        }

        return scenario;
    }

    // The message without its numbers: a shorter scenario that fails in another way is another finding.
    private static string Kind(Deviation deviation)
    {
        string first = deviation.Message.Split('\n')[0];
        string words = string.Concat(first.Split(' ').Where(word => !word.Any(char.IsDigit)));
        return words[..Math.Min(48, words.Length)];
    }

    private static bool Try(Scenario candidate, ref Scenario scenario, ref Deviation deviation, Func<Scenario, Deviation?> run)
    {
        Deviation? found = run(candidate);
        if (found is null || Kind(found) != Kind(deviation))
        {
            return false;
        }

        scenario = candidate with { Steps = [.. candidate.Steps.Take(found.Step + 1)] };
        deviation = found;
        return true;
    }

}
