using System.Collections.Concurrent;
using System.Diagnostics;
using Gnomon.Build.Testing;

namespace Gnomon.Build.Mutants;

/// <summary>Tries mutants, two at a time, against the tests that they name.</summary>
internal sealed class MutantRunner
{
    private const int Workers = 2;

    private readonly TimeSpan _timeout = TimeSpan.FromSeconds(60);
    private readonly Repository _repository;
    private readonly Workshop _workshop;
    private readonly string _directory;
    private readonly IReadOnlyList<TestProject> _projects;

    public MutantRunner(Repository repository)
    {
        _repository = repository;
        _workshop = new Workshop(repository);
        _directory = repository.FreshDirectory("mutants");
        _projects = TestProject.All(repository);
    }

    /// <summary>Tries all; <paramref name="tell"/> hears of each verdict as it falls, one at a time.</summary>
    public void Run(IReadOnlyList<Mutant> mutants, Action<MutantResult> tell)
    {
        ConcurrentBag<Dictionary<TestProject, Sandbox>> desks = [];
        Parallel.For(0, Workers, worker => desks.Add(_projects.ToDictionary(
            project => project,
            project => new Sandbox(_repository, project, Path.Combine(_directory, $"worker-{worker}", project.Name)))));

        Baseline baseline = Baseline.Run(
            desks.First(),
            [.. mutants.SelectMany(mutant => mutant.Tests).Distinct()],
            _workshop.CompileUnchanged(mutants.SelectMany(mutant => mutant.Edits).Select(edit => edit.File)));

        Lock telling = new();
        var inOrder = Partitioner.Create(mutants, EnumerablePartitionerOptions.NoBuffering);
        Parallel.ForEach(inOrder, new ParallelOptions { MaxDegreeOfParallelism = Workers }, mutant =>
        {
            desks.TryTake(out Dictionary<TestProject, Sandbox>? desk);
            Stopwatch watch = Stopwatch.StartNew();
            (Verdict verdict, string detail) = Try(mutant, baseline, desk!);
            desks.Add(desk!);
            lock (telling)
            {
                tell(new MutantResult(mutant.Name, verdict, detail, watch.Elapsed));
            }
        });
    }

    private (Verdict Verdict, string Detail) Try(Mutant mutant, Baseline baseline, Dictionary<TestProject, Sandbox> desk)
    {
        List<(TestProject Project, string Method)> tests = [];
        foreach (string method in mutant.Tests)
        {
            switch (baseline.Find(method))
            {
                case null:
                    return (Verdict.Broken, $"there is no test {method}");
                case { Result: TestResult.Fail } test:
                    return (Verdict.Broken, $"{method} fails without the mutant: {test.Reason}");
                case { Result: TestResult.Pass } test:
                    tests.Add((test.Project!, method));
                    break;
            }
        }

        if (tests.Count == 0)
        {
            return (Verdict.Skipped, $"{mutant.Tests[0]} is skipped: {baseline.Find(mutant.Tests[0])!.Reason}");
        }

        try
        {
            Dictionary<string, byte[]> assemblies = _workshop.Compile(mutant.Apply(_repository));
            foreach (IGrouping<TestProject, string> group in tests.GroupBy(test => test.Project, test => test.Method))
            {
                Sandbox sandbox = desk[group.Key];
                if (assemblies.Keys.FirstOrDefault(file => !sandbox.Has(file)) is { } missing)
                {
                    return (Verdict.Broken, $"{group.Key.Name} does not use {missing}");
                }

                if (WhatKills(sandbox.Run(group, assemblies, _timeout, stopOnFailure: true)) is { } killer)
                {
                    return (Verdict.Killed, killer);
                }
            }

            return (Verdict.Survived, mutant.Why);
        }
        catch (MutantException exception)
        {
            return (Verdict.Broken, exception.Message);
        }
    }

    private static string? WhatKills(SandboxRun run) =>
        run.Report?.Cases.FirstOrDefault(test => test.Result == TestResult.Fail) is { } failed ? failed.Method
        : run.Report?.Errors is [{ } error, ..] ? error.Split('\n')[0]
        : run.Tool.TimedOut ? "out of time"
        : run.Report is null || run.Tool.ExitCode != 0 ? $"crash (exit code {run.Tool.ExitCode})"
        : null;
}
