using System.Diagnostics;
using Gnomon.Build.Testing;

namespace Gnomon.Build.Targets;

internal sealed class CiTarget : ITarget
{
    public string Name => "ci";

    public string Summary =>
        "All of it: restore, format, build, test, mutants, pack. Killed mutants count as passed, others as failed, and so does each " +
        "step that goes wrong.";

    public int Run(Repository repository, ReadOnlySpan<string> arguments)
    {
        // Here nothing is optional: what a developer may lack is a failure.
        Environment.SetEnvironmentVariable("GNOMON_REQUIRE_ORACLES", "1");

        Tally total = default;
        List<(string Name, TimeSpan Time, string Outcome)> steps = [];
        bool Step(string name, Func<Tally> run)
        {
            Console.WriteLine($"== {name}");
            Stopwatch watch = Stopwatch.StartNew();
            Tally tally;
            try
            {
                tally = run();
            }
            catch (BuildException exception)
            {
                Console.WriteLine(exception.Message);
                tally = new Tally(0, 1, 0);
            }

            total += tally;
            steps.Add((name, watch.Elapsed, tally == default ? "ok" : tally.ToString()));
            return tally.Failed == 0;
        }

        static Tally Verdict(int exitCode) => exitCode == ExitCode.Success ? default : new Tally(0, 1, 0);

        if (Step("restore", () => Verdict(new RestoreTarget().Run(repository, []))))
        {
            Step("format", () => Verdict(new FormatTarget().Run(repository, [])));
            if (Step("build", () => Verdict(new BuildTarget().Run(repository, []))))
            {
                Step("test", () => TestTarget.RunTests(repository, TestOptions.Parse(["--no-build"])));
                Step("mutants", () => MutantsTarget.RunMutants(repository, filter: null));
                Step("pack", () => Verdict(new PackTarget().Run(repository, [])));
            }
        }

        Console.WriteLine("== times");
        foreach ((string name, TimeSpan time, string outcome) in steps)
        {
            Console.WriteLine($"{name,-8}  {time.TotalSeconds,7:F1} s  {outcome}");
        }

        Console.WriteLine(total);
        return total.Failed == 0 ? ExitCode.Success : ExitCode.Failure;
    }
}
