using System.Text.RegularExpressions;
using Gnomon.Docs.Tests.Blocks;
using Gnomon.Shadow;

namespace Gnomon.Docs.Tests;

/// <summary>Tests, mutants, counters and projects that the documents name are there, and those that must be named are.</summary>
public sealed partial class NameTests
{
    private static readonly Lazy<HashSet<string>> _testMethods = new(() =>
        [.. Documents.Sources("tests").SelectMany(path => TestMethod().Matches(Documents.Read(path))).Select(method => method.Groups["name"].Value)]);

    [Theory]
    [MemberData(nameof(Documents.Cases), MemberType = typeof(Documents))]
    public void Test_NamedInADocument_Exists(string document)
    {
        string[] missing = [.. TestsNamedIn(document).Where(name => !_testMethods.Value.Contains(name))];
        Documents.AssertNone(missing);
    }

    [Theory]
    [MemberData(nameof(Documents.Cases), MemberType = typeof(Documents))]
    public void Mutant_NamedInADocument_Exists(string document)
    {
        string[] missing = [.. MutantName().Matches(Documents.Read(document)).Select(name => name.Groups["name"].Value)
            .Where(name => !File.Exists(Documents.PathTo($"tests/mutants/{name}")))];
        Documents.AssertNone(missing);
    }

    [Fact]
    public void Departures_NameEveryFaultTestAndEveryMutant()
    {
        const string departures = "docs/departures.md";
        string text = Documents.Read(departures);
        HashSet<string> named = [.. TestsNamedIn(departures)];
        string faults = Documents.PathTo("tests/Gnomon.Shadow.Tests/Faults");
        IEnumerable<string> tests = Documents.Sources(Documents.Relative(faults))
            .SelectMany(path => TestMethod().Matches(Documents.Read(path)))
            .Select(method => method.Groups["name"].Value)
            .Where(name => !named.Contains(name));
        IEnumerable<string> files = MutantList.Files.Select(file => Path.GetFileName(file)).Where(name => !text.Contains(name, StringComparison.Ordinal));
        Documents.AssertNone(tests.Concat(files));
    }

    [Fact]
    public void Departures_HaveASectionForEachFaultOfTheOriginal()
    {
        string text = Documents.Read("docs/departures.md");
        for (int fault = 1; fault <= 20; fault++)
        {
            Assert.Contains($"\n### {fault}. ", text, StringComparison.Ordinal);
            Assert.Contains($"`Fault{fault:D2}_", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Counters_AreExplainedInTheirOrder()
    {
        IEnumerable<string> explained = CounterRow().Matches(Documents.Read("docs/counters.md")).Select(row => row.Groups["name"].Value);
        Assert.Equal(new ShadowStatistics().All().Select(counter => counter.Key), explained);
    }

    [Fact]
    public void Readme_OutputOfTheTests_NamesTheTestProjectsThereAre()
    {
        IEnumerable<string> projects = Directory.EnumerateFiles(Documents.PathTo("tests"), "*.csproj", SearchOption.AllDirectories)
            .Select(path => Path.GetFileNameWithoutExtension(path))
            .Order(StringComparer.Ordinal);
        IEnumerable<string> shown = TestRow().Matches(Documents.Read("README.md")).Select(row => row.Groups["name"].Value).Order(StringComparer.Ordinal);
        Assert.Equal(projects, shown);
    }

    private static IEnumerable<string> TestsNamedIn(string document) =>
        TestName().Matches(Documents.Read(document)).Select(name => name.Groups["name"].Value).Distinct();

    // `Method_Condition_Result`, or with its class before it.
    [GeneratedRegex(@"`(?:\w+\.)*(?<name>[A-Z]\w+_[A-Z]\w*(?:_\w+)*)`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"^\s+public (?:async )?(?:void|Task) (?<name>\w+_\w+)\(", RegexOptions.Multiline)]
    private static partial Regex TestMethod();

    [GeneratedRegex(@"`(?:tests/mutants/)?(?<name>[\w.-]+\.mutant)`")]
    private static partial Regex MutantName();

    [GeneratedRegex(@"^\| `(?<name>[a-z-]+)` \|", RegexOptions.Multiline)]
    private static partial Regex CounterRow();

    [GeneratedRegex(@"^(?<name>Gnomon\.[\w.]*Tests) +\d+ passed", RegexOptions.Multiline)]
    private static partial Regex TestRow();
}
