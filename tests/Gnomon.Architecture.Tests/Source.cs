using System.Diagnostics;

namespace Gnomon.Architecture.Tests;

/// <summary>The repository that the tests were built from, and its files.</summary>
internal static class Source
{
    public static string Root { get; } = FindRoot();

    /// <summary>Text files of the repository, relative paths with forward slashes: what git knows, or would take.</summary>
    public static IReadOnlyList<string> Files { get; } = [.. ListFiles().Where(file => File.Exists(PathTo(file))).Order(StringComparer.Ordinal)];

    public static IEnumerable<string> CSharp(params string[] folders) =>
        Files.Where(file => file.EndsWith(".cs", StringComparison.Ordinal)
            && folders.Any(folder => file.StartsWith(folder + "/", StringComparison.Ordinal)));

    public static string PathTo(string relative) => Path.Combine(Root, relative);

    public static string[] Lines(string relative) => File.ReadAllLines(PathTo(relative));

    private static string FindRoot()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "Gnomon.slnx")))
            {
                return directory.FullName;
            }
        }

        throw new InvalidOperationException($"no Gnomon.slnx above {AppContext.BaseDirectory}");
    }

    private static IEnumerable<string> ListFiles()
    {
        try
        {
            ProcessStartInfo info = new("git", ["-C", Root, "ls-files", "--cached", "--others", "--exclude-standard"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using Process git = Process.Start(info)!;
            git.ErrorDataReceived += (_, _) => { };
            git.BeginErrorReadLine();
            string output = git.StandardOutput.ReadToEnd();
            git.WaitForExit();
            if (git.ExitCode == 0)
            {
                return output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Distinct();
            }
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // There is no git; look at the directories instead.
        }

        return Directory.EnumerateFiles(Root, "*", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Root, file).Replace('\\', '/'))
            .Where(file => !file.Split('/').Any(part => part is ".git" or "bin" or "obj" or "artifacts" or "node_modules"));
    }
}
