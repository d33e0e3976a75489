namespace Gnomon.Docs.Tests.Blocks;

/// <summary>The known faults that tests must notice, as tests/mutants has them.</summary>
internal static class MutantList
{
    private const string Folder = "tests/mutants";

    private static readonly Lazy<Mutant[]> _all = new(() => Directory.Exists(Documents.PathTo(Folder))
        ? [.. Directory.EnumerateFiles(Documents.PathTo(Folder), "*.mutant").Select(Documents.Relative).Order(StringComparer.Ordinal).Select(Read)]
        : []);

    /// <summary>Every mutant, with why, and its tests.</summary>
    public static string Text() => string.Join('\n', _all.Value.SelectMany(mutant =>
        (IEnumerable<string>)[mutant.Name, $"    {mutant.Why}", .. mutant.Tests.Select(test => $"    {test}")]));

    /// <summary>A line for each mutant that a test with this beginning must notice.</summary>
    public static IEnumerable<string> NoticedBy(string prefix) => _all.Value
        .Where(mutant => mutant.Tests.Any(test => test.StartsWith(prefix, StringComparison.Ordinal)))
        .Select(mutant => $"mutant {mutant.Name}: {mutant.Why}");

    private static Mutant Read(string file)
    {
        string[] head = [.. Documents.Read(file).Split('\n').TakeWhile(line => !line.StartsWith("--- find", StringComparison.Ordinal))];
        IEnumerable<string> tests = Values(head, "test:")
            .SelectMany(value => value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            .Select(test => test[(test.LastIndexOf('.') + 1)..]);
        return new Mutant(Path.GetFileName(file), string.Join(' ', Values(head, "why:")), [.. tests]);
    }

    private static IEnumerable<string> Values(IEnumerable<string> head, string key) =>
        head.Where(line => line.StartsWith(key, StringComparison.Ordinal)).Select(line => line[key.Length..].Trim());

    private sealed record Mutant(string Name, string Why, string[] Tests);
}
