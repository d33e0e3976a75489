using Gnomon.Build.Testing;

namespace Gnomon.Build.Targets;

internal sealed class ApproveTarget : ITarget
{
    private const string TestProjectName = "Gnomon.Architecture.Tests";

    public string Name => "approve";

    public string Summary => "Takes the public API of the libraries as it is now for the approved one.";

    public int Run(Repository repository, ReadOnlySpan<string> arguments)
    {
        if (new BuildTarget().Run(repository, []) != ExitCode.Success)
        {
            return ExitCode.Failure;
        }

        TestProject project = TestProject.All(repository).FirstOrDefault(project => project.Name == TestProjectName)
            ?? throw new BuildException($"there is no {TestProjectName}");
        ToolResult run = Tool.Capture(
            DotNet.Path,
            [project.Assembly, "-noLogo", "-noColor", "-reporter", "silent", "-method", "*.PublicApi_EachLibrary_IsAsApproved"],
            repository.Root,
            TimeSpan.FromMinutes(5));

        string approved = repository.PathTo($"tests/{TestProjectName}/api");
        string received = repository.PathTo("artifacts/api");
        string[] files = Directory.Exists(received) ? Directory.GetFiles(received, "*.received.txt") : [];
        if (files.Length == 0)
        {
            Console.WriteLine(run.ExitCode == 0 ? "Nothing to approve: the public API is as approved." : run.Output);
            return run.ExitCode == 0 ? ExitCode.Success : ExitCode.Failure;
        }

        Directory.CreateDirectory(approved);
        foreach (string file in files.Order(StringComparer.Ordinal))
        {
            string target = Path.Combine(approved, Path.GetFileName(file).Replace(".received.", ".approved.", StringComparison.Ordinal));
            File.Move(file, target, overwrite: true);
            Console.WriteLine($"approved {repository.Relative(target)}");
        }

        return ExitCode.Success;
    }
}
