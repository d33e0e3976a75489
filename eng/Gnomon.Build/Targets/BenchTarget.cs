namespace Gnomon.Build.Targets;

internal sealed class BenchTarget : ITarget
{
    public string Name => "bench";

    public string Arguments => "[paging|...] [ARGS]";

    public string Summary => "Runs gnomon bench with these arguments, from a Release build.";

    public int Run(Repository repository, ReadOnlySpan<string> arguments) =>
        Tool.Run(repository.PathTo("gnomon"), ["bench", .. arguments], Environment.CurrentDirectory);
}
