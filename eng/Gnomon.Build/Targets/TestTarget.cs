using Gnomon.Build.Testing;

namespace Gnomon.Build.Targets;

internal sealed class TestTarget : ITarget
{
    public string Name => "test";

    public string Arguments => "[NAME] [--full] [--steps N] [--no-build] [-- RUNNER-ARGS]";

    public string Summary =>
        "Builds and runs all test projects, or those with NAME in their name. --full runs the long variants, --steps sets the " +
        "length of property tests; after -- xunit's own options, such as -method '*Release*'.";

    public int Run(Repository repository, ReadOnlySpan<string> arguments)
    {
        Tally tally = RunTests(repository, TestOptions.Parse(arguments));
        Console.WriteLine(tally);
        return tally.Failed == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    /// <summary>Builds and runs; prints everything but the last line.</summary>
    public static Tally RunTests(Repository repository, TestOptions options)
    {
        TestProject[] projects = [.. TestProject.All(repository)
            .Where(project => options.Filter is null || project.Name.Contains(options.Filter, StringComparison.OrdinalIgnoreCase))];
        if (projects.Length == 0)
        {
            throw new BuildException(options.Filter is null ? "no test projects under tests/" : $"no test project has {options.Filter} in its name");
        }

        if (options.Build && new BuildTarget().Run(repository, []) != ExitCode.Success)
        {
            Console.WriteLine("The build failed; no tests were run.");
            return new Tally(0, 1, 0);
        }

        return Mutants(repository, options) + new TestRunner(repository, options).Run(projects);
    }

    // A mutant whose text has gone is known at once; whether its tests notice the others takes ./build mutants.
    private static Tally Mutants(Repository repository, TestOptions options)
    {
        string[] broken = options.Filter is null ? [.. MutantsTarget.Broken(repository)] : [];
        foreach (string line in broken)
        {
            Console.WriteLine(line);
        }

        return new Tally(0, broken.Length, 0);
    }
}
