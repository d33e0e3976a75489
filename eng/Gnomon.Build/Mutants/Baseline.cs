using Gnomon.Build.Testing;

namespace Gnomon.Build.Mutants;

/// <summary>What became of a named test in the code without mutants.</summary>
internal sealed record BaselineTest(TestProject? Project, TestResult Result, string? Reason);

/// <summary>
/// The named tests, run once with the assemblies that the mutants will change, compiled the same way but unchanged: shows where each
/// test is, that it passes, and that the way of compiling changes nothing.
/// </summary>
internal sealed class Baseline
{
    private readonly Dictionary<string, BaselineTest> _tests = new(StringComparer.Ordinal);

    public static Baseline Run(
        IReadOnlyDictionary<TestProject, Sandbox> sandboxes,
        IReadOnlyCollection<string> methods,
        IReadOnlyDictionary<string, byte[]> assemblies)
    {
        Baseline baseline = new();
        Parallel.ForEach(sandboxes, new ParallelOptions { MaxDegreeOfParallelism = 2 }, pair =>
        {
            (TestProject project, Sandbox sandbox) = pair;
            SandboxRun run = sandbox.Run(
                methods,
                assemblies.Where(assembly => sandbox.Has(assembly.Key)).ToDictionary(),
                TimeSpan.FromMinutes(15),
                stopOnFailure: false);
            if (run.Report is null)
            {
                throw new BuildException($"{project.Name} crashes or hangs without any mutant:\n{run.Tool.Output}");
            }

            lock (baseline._tests)
            {
                foreach (IGrouping<string, TestCase> test in run.Report.Cases.GroupBy(test => test.Method))
                {
                    TestCase worst = test.MaxBy(t => t.Result switch { TestResult.Fail => 2, TestResult.Pass => 1, _ => 0 })!;
                    baseline._tests[test.Key] = new BaselineTest(project, worst.Result, worst.Reason);
                }
            }
        });
        return baseline;
    }

    /// <summary>The test's outcome, or null if no test project has it.</summary>
    public BaselineTest? Find(string method) => _tests.GetValueOrDefault(method);
}
