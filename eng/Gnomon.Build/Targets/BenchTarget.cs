namespace Gnomon.Build.Targets;

internal sealed class BenchTarget : ITarget
{
    private const string Machine = "machine";

    public string Name => "bench";

    public string Arguments => "[paging|machine|...] [ARGS]";

    public string Summary =>
        "Runs gnomon bench with these arguments, from a Release build. `bench machine` boots one stock kernel on Gnomon, QEMU and v86 " +
        "and compares them: see bench/README.md.";

    public int Run(Repository repository, ReadOnlySpan<string> arguments) => arguments is [Machine, ..]
        ? RunMachines(repository, arguments[1..])
        : Tool.Run(repository.PathTo("gnomon"), ["bench", .. arguments], Environment.CurrentDirectory);

    // The machines are started as programs of their own, Gnomon among them: it must be built as well.
    private static int RunMachines(Repository repository, ReadOnlySpan<string> arguments)
    {
        DotNet dotnet = new(repository);
        foreach (string project in (string[])["src/Gnomon.Cli/Gnomon.Cli.csproj", "bench/machine/Gnomon.Bench.Machine.csproj"])
        {
            if (!dotnet.RunQuietly("build", repository.PathTo(project), "--configuration", "Release", "--nologo"))
            {
                return ExitCode.Failure;
            }
        }

        return Tool.Run(DotNet.Path, [repository.PathTo("bench/machine/bin/Release/net10.0/Gnomon.Bench.Machine.dll"), .. arguments], Environment.CurrentDirectory);
    }
}
