using PublicApiGenerator;

namespace Gnomon.Architecture.Tests;

/// <summary>What users of the libraries see changes only on purpose.</summary>
public sealed class PublicApiTests
{
    private static readonly ApiGeneratorOptions _options = new() { IncludeAssemblyAttributes = false };

    [Fact]
    public void PublicApi_EachLibrary_IsAsApproved()
    {
        string received = Directory.CreateDirectory(Source.PathTo("artifacts/api")).FullName;
        foreach (string stale in Directory.EnumerateFiles(received, "*.received.txt"))
        {
            File.Delete(stale);
        }

        List<string> changed = [];
        foreach (SourceProject library in SourceProject.Libraries)
        {
            string actual = library.Assembly.GeneratePublicApi(_options).ReplaceLineEndings("\n").TrimEnd() + "\n";
            string approved = Source.PathTo($"tests/Gnomon.Architecture.Tests/api/{library.Name}.approved.txt");
            if (!File.Exists(approved) || File.ReadAllText(approved).ReplaceLineEndings("\n") != actual)
            {
                string file = Path.Combine(received, library.Name + ".received.txt");
                File.WriteAllText(file, actual);
                changed.Add($"{library.Name}{FirstDifference(approved, actual)}");
            }
        }

        Offenders.AreNone(
            changed,
            "the public API changed (see artifacts/api); if that is meant, run ./build approve and commit tests/Gnomon.Architecture.Tests/api");
    }

    [Fact]
    public void PublicApi_ApprovedFiles_AreOfLibrariesThatExist()
    {
        HashSet<string> libraries = [.. SourceProject.Libraries.Select(library => library.Name)];
        Offenders.AreNone(
            Source.Files
                .Where(file => file.EndsWith(".approved.txt", StringComparison.Ordinal) && file.Contains("Architecture.Tests/api/", StringComparison.Ordinal))
                .Where(file => !libraries.Contains(Path.GetFileName(file).Replace(".approved.txt", "", StringComparison.Ordinal))),
            "an approved listing belongs to a library");
    }

    private static string FirstDifference(string approvedFile, string actual)
    {
        if (!File.Exists(approvedFile))
        {
            return " (nothing approved yet)";
        }

        string[] approved = File.ReadAllLines(approvedFile);
        string[] lines = actual.Split('\n');
        int i = 0;
        while (i < Math.Min(approved.Length, lines.Length) && approved[i] == lines[i])
        {
            i++;
        }

        return $", first at line {i + 1}: \"{approved.ElementAtOrDefault(i)?.Trim()}\" became \"{lines.ElementAtOrDefault(i)?.Trim()}\"";
    }
}
