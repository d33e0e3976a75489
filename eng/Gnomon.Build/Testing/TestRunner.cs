namespace Gnomon.Build.Testing;

/// <summary>Runs test projects, one process each, and adds up what their reports say.</summary>
internal sealed class TestRunner(Repository repository, TestOptions options)
{
    private readonly OptionalParts _parts = new();
    private readonly string _reports = repository.FreshDirectory("test-results");

    /// <summary>Runs the projects one after the other, printing each one's outcome, and then the optional parts.</summary>
    public Tally Run(IReadOnlyList<TestProject> projects)
    {
        int width = projects.Max(project => project.Name.Length);
        Tally total = default;
        foreach (TestProject project in projects)
        {
            (Tally tally, string? trouble, TimeSpan time) = Run(project);
            total += tally;
            Console.WriteLine(
                $"{project.Name.PadRight(width)}  {tally}{(trouble is null ? "" : $": {trouble}")}  ({time.TotalSeconds:F1} s)");
        }

        _parts.Print();
        total += new Tally(0, 0, _parts.SkippedByPrograms);
        if (!options.RequireOracles)
        {
            return total;
        }

        int missing = total.Skipped - _parts.OtherPlatforms;
        if (missing > 0)
        {
            Console.WriteLine("GNOMON_REQUIRE_ORACLES is set: a missing oracle counts as failed.");
        }

        return new Tally(total.Passed, total.Failed + missing, 0);
    }

    private (Tally Tally, string? Trouble, TimeSpan Time) Run(TestProject project)
    {
        if (!File.Exists(project.Assembly))
        {
            return (new Tally(0, 1, 0), $"{repository.Relative(project.Assembly)} is missing", default);
        }

        string reportFile = Path.Combine(_reports, project.Name + ".json");
        ToolResult result = Tool.Capture(
            DotNet.Path,
            [project.Assembly, "-noLogo", "-noColor", "-reporter", "silent", "-result-ctrf", reportFile, .. options.RunnerArguments],
            repository.Root,
            options.Timeout,
            options.Environment,
            line =>
            {
                if (!_parts.TryTake(line) && line.Length > 0 && !Failures.IsForeignFrame(line))
                {
                    Console.WriteLine($"  {line}");
                }
            });

        if (TestReport.Read(reportFile) is not { } report)
        {
            string trouble = result.TimedOut
                ? $"still running after {options.Timeout.TotalMinutes:F0} minutes, killed"
                : $"the test program crashed (exit code {result.ExitCode})";
            return (new Tally(0, 1, 0), trouble, result.Time);
        }

        Failures.Print(report);
        _parts.Take(report);
        Tally tally = report.Tally;
        return (result.TimedOut, result.ExitCode, tally) switch
        {
            (true, _, _) => (tally with { Failed = tally.Failed + 1 }, "did not end after its tests, killed", result.Time),
            (_, not 0, { Failed: 0 }) => (tally with { Failed = 1 }, $"ended with exit code {result.ExitCode}", result.Time),
            (_, _, { Passed: 0, Failed: 0, Skipped: 0 }) when options.RunnerArguments.Count == 0 =>
                (new Tally(0, 1, 0), "has no tests", result.Time),
            _ => (tally, null, result.Time),
        };
    }
}
