using Gnomon.Build.Mutants;
using Gnomon.Build.Testing;

namespace Gnomon.Build.Targets;

internal sealed class MutantsTarget : ITarget
{
    public string Name => "mutants";

    public string Arguments => "[NAME] [--no-build]";

    public string Summary =>
        "Puts each known fault of tests/mutants/ (or those with NAME in their name) into the code, and sees that the tests it names " +
        "fail. A fault that no test notices, or that no longer applies, counts as failed.";

    public int Run(Repository repository, ReadOnlySpan<string> arguments)
    {
        string? filter = null;
        bool build = true;
        foreach (string argument in arguments)
        {
            switch (argument)
            {
                case "--no-build":
                    build = false;
                    break;
                case ['-', ..]:
                    throw new UsageException($"mutants: unknown option {argument}");
                default:
                    filter = filter is null ? argument : throw new UsageException("mutants: one name only");
                    break;
            }
        }

        if (build && new BuildTarget().Run(repository, []) != ExitCode.Success)
        {
            return ExitCode.Failure;
        }

        Tally tally = RunMutants(repository, filter);
        Console.WriteLine(tally);
        return tally.Failed == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    /// <summary>Tries the mutants on what is built; prints everything but the last line.</summary>
    public static Tally RunMutants(Repository repository, string? filter)
    {
        string[] files = Files(repository, filter);
        if (files.Length == 0)
        {
            Console.WriteLine(filter is null ? "There are no mutants in tests/mutants." : $"No mutant has {filter} in its name.");
            return filter is null ? default : new Tally(0, 1, 0);
        }

        int width = files.Max(file => Path.GetFileNameWithoutExtension(file).Length);
        Tally tally = default;
        void Tell(MutantResult result)
        {
            Console.WriteLine(
                $"{result.Verdict.ToString().ToUpperInvariant(),-8}  {result.Name.PadRight(width)}  {result.Time.TotalSeconds,5:F1} s  {result.Detail}");
            tally += result.Verdict switch
            {
                Verdict.Killed => new Tally(1, 0, 0),
                Verdict.Skipped when Environment.GetEnvironmentVariable("GNOMON_REQUIRE_ORACLES") != "1" => new Tally(0, 0, 1),
                _ => new Tally(0, 1, 0),
            };
        }

        List<Mutant> mutants = [];
        foreach (string file in files)
        {
            if (Broken(repository, file, out Mutant? mutant) is { } reason)
            {
                Tell(new MutantResult(Path.GetFileNameWithoutExtension(file), Verdict.Broken, reason, default));
            }
            else
            {
                mutants.Add(mutant!);
            }
        }

        if (mutants.Count > 0)
        {
            new MutantRunner(repository).Run(mutants, Tell);
        }

        return tally;
    }

    /// <summary>A line for each mutant that can no longer be made, which takes no time to know.</summary>
    public static IEnumerable<string> Broken(Repository repository) =>
        from file in Files(repository, filter: null)
        let reason = Broken(repository, file, out _)
        where reason is not null
        select $"{repository.Relative(file)}: {reason}";

    private static string[] Files(Repository repository, string? filter)
    {
        string directory = repository.PathTo("tests/mutants");
        return !Directory.Exists(directory) ? [] : [.. Directory.EnumerateFiles(directory, "*.mutant")
            .Where(file => filter is null || Path.GetFileName(file).Contains(filter, StringComparison.OrdinalIgnoreCase))
            .Order(StringComparer.Ordinal)];
    }

    private static string? Broken(Repository repository, string file, out Mutant? mutant)
    {
        mutant = null;
        try
        {
            mutant = MutantFile.Read(file);
            mutant.Apply(repository);
            return null;
        }
        catch (MutantException exception)
        {
            return exception.Message;
        }
    }
}
