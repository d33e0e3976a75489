using System.Text.RegularExpressions;

namespace Gnomon.Docs.Tests;

/// <summary>The names of all tests of the repository: the public methods with an underscore in the name below tests.</summary>
internal static partial class TestMethods
{
    private static readonly Lazy<string[]> _names = new(() =>
    [
        .. Documents.Sources("tests").Order(StringComparer.Ordinal)
            .SelectMany(path => Method().Matches(Documents.Read(path)))
            .Select(method => method.Groups["name"].Value),
    ]);

    /// <summary>Whether there is such a test.</summary>
    public static bool Exists(string name) => _names.Value.Contains(name);

    /// <summary>The tests whose names begin so, in the order of the source.</summary>
    public static IEnumerable<string> StartingWith(string prefix) => _names.Value.Where(name => name.StartsWith(prefix, StringComparison.Ordinal));

    [GeneratedRegex(@"^\s+public (?:async )?(?:void|Task) (?<name>\w+_\w+)\(", RegexOptions.Multiline)]
    private static partial Regex Method();
}
