namespace Gnomon.Build.Targets;

internal sealed class PackTarget : ITarget
{
    public string Name => "pack";

    public string Summary => "Packs the libraries into artifacts/packages/.";

    public int Run(Repository repository, ReadOnlySpan<string> arguments)
    {
        using BuildLock _ = BuildLock.Take(repository);
        string packages = repository.FreshDirectory("packages");
        DotNet dotnet = new(repository);
        if (!dotnet.RunQuietly("pack", repository.Solution, "--configuration", "Release", "--nologo", "--verbosity", "quiet", "--output", packages))
        {
            return ExitCode.Failure;
        }

        foreach (string package in Directory.EnumerateFiles(packages, "*.nupkg").Order(StringComparer.Ordinal))
        {
            Console.WriteLine($"{repository.Relative(package)}  {new FileInfo(package).Length / 1024.0:F0} KiB");
        }

        return ExitCode.Success;
    }
}
