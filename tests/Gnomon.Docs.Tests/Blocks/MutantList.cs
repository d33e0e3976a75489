namespace Gnomon.Docs.Tests.Blocks;

/// <summary>The known faults that tests must notice, as tests/mutants has them: the name, why, and the tests.</summary>
internal static class MutantList
{
    private const string Folder = "tests/mutants";

    /// <summary>Every mutant's file.</summary>
    public static IEnumerable<string> Files => Directory.Exists(Documents.PathTo(Folder))
        ? Directory.EnumerateFiles(Documents.PathTo(Folder), "*.mutant").Select(Documents.Relative).Order(StringComparer.Ordinal)
        : [];

    /// <summary>The list.</summary>
    public static string Text() => string.Join('\n', Files.SelectMany(Lines));

    private static IEnumerable<string> Lines(string file)
    {
        string[] head = [.. Documents.Read(file).Split('\n').TakeWhile(line => !line.StartsWith("--- find", StringComparison.Ordinal))];
        yield return Path.GetFileName(file);
        yield return $"    {string.Join(' ', Values(head, "why:"))}";
        foreach (string test in Values(head, "test:").SelectMany(value => value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)))
        {
            yield return $"    {test[(test.LastIndexOf('.') + 1)..]}";
        }
    }

    private static IEnumerable<string> Values(IEnumerable<string> head, string key) =>
        head.Where(line => line.StartsWith(key, StringComparison.Ordinal)).Select(line => line[key.Length..].Trim());
}
