using Gnomon.Build.Testing;

namespace Gnomon.Build.Mutants;

/// <summary>A copy of a test project's output, in which assemblies are exchanged for mutated ones and put back.</summary>
internal sealed class Sandbox
{
    private static readonly Dictionary<string, string> _environment = new()
    {
        // A mutant that allocates without end must not take the machine with it.
        ["DOTNET_GCHeapHardLimit"] = "0x80000000",
        ["DOTNET_TieredPGO"] = "0",
    };

    private readonly Repository _repository;
    private readonly TestProject _project;
    private readonly string _directory;

    public Sandbox(Repository repository, TestProject project, string directory)
    {
        _repository = repository;
        _project = project;
        _directory = directory;
        foreach (string file in Directory.EnumerateFiles(project.OutputDirectory, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(directory, Path.GetRelativePath(project.OutputDirectory, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    public bool Has(string assemblyFile) => File.Exists(Path.Combine(_directory, assemblyFile));

    /// <summary>Runs the named test methods with these assemblies (by file name) in place of the real ones.</summary>
    public SandboxRun Run(
        IEnumerable<string> methods, IReadOnlyDictionary<string, byte[]> assemblies, TimeSpan timeout, bool stopOnFailure)
    {
        string report = Path.Combine(_directory, "mutant-report.json");
        File.Delete(report);
        try
        {
            foreach ((string file, byte[] content) in assemblies)
            {
                File.WriteAllBytes(Path.Combine(_directory, file), content);
            }

            ToolResult result = Tool.Capture(
                DotNet.Path,
                [
                    Path.Combine(_directory, _project.Name + ".dll"), "-noLogo", "-noColor", "-reporter", "silent",
                    "-parallelMode", "none", "-result-ctrf", report,
                    .. stopOnFailure ? ["-stopOnFail"] : Array.Empty<string>(),
                    .. methods.SelectMany(method => new[] { "-method", method }),
                ],
                _repository.Root,
                timeout,
                _environment);
            return new SandboxRun(result, TestReport.Read(report));
        }
        finally
        {
            foreach (string file in assemblies.Keys)
            {
                File.Copy(Path.Combine(_project.OutputDirectory, file), Path.Combine(_directory, file), overwrite: true);
            }
        }
    }
}

/// <summary>How a run ended; without a report the program crashed or hung.</summary>
internal sealed record SandboxRun(ToolResult Tool, TestReport? Report);
