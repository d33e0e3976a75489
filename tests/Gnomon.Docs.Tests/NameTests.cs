using System.Text.RegularExpressions;
using Gnomon.Shadow;

namespace Gnomon.Docs.Tests;

/// <summary>Tests, mutants, counters and projects that the documents name are there, and those that must be named are.</summary>
public sealed partial class NameTests
{
    [Theory]
    [MemberData(nameof(Documents.Cases), MemberType = typeof(Documents))]
    public void Test_NamedInADocument_Exists(string document)
    {
        string[] missing = [.. TestsNamedIn(document).Where(name => !TestMethods.Exists(name))];
        Documents.AssertNone(missing);
    }

    [Theory]
    [MemberData(nameof(Documents.Cases), MemberType = typeof(Documents))]
    public void Mutant_NamedInADocument_Exists(string document)
    {
        // What contributors are told is only an example.
        string text = document == "CONTRIBUTING.md" ? "" : Documents.Read(document);
        string[] missing = [.. MutantName().Matches(text).Select(name => name.Groups["name"].Value)
            .Where(name => !File.Exists(Documents.PathTo($"tests/mutants/{name}")))];
        Documents.AssertNone(missing);
    }

    [Fact]
    public void Departures_HaveASectionForEachFaultOfTheOriginal()
    {
        string text = Documents.Read("docs/departures.md");
        for (int fault = 1; fault <= 20; fault++)
        {
            Assert.Contains($"\n### {fault}. ", text, StringComparison.Ordinal);
            Assert.Contains($"\nFault{fault:D2}_", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Counters_AreExplainedInTheirOrder()
    {
        IEnumerable<string> explained = CounterRow().Matches(Documents.Read("docs/counters.md")).Select(row => row.Groups["name"].Value);
        Assert.Equal(new ShadowStatistics().All().Select(counter => counter.Key), explained);
    }

    [Fact]
    public void Readme_OutputOfTheTests_NamesTestProjectsThatAreThere()
    {
        HashSet<string> projects =
        [
            .. Directory.EnumerateFiles(Documents.PathTo("tests"), "*.csproj", SearchOption.AllDirectories).Select(path => Path.GetFileNameWithoutExtension(path)!),
        ];
        string[] shown = [.. TestRow().Matches(Documents.Read("README.md")).Select(row => row.Groups["name"].Value)];
        Assert.NotEmpty(shown);
        Documents.AssertNone(shown.Where(name => !projects.Contains(name)));
    }

    private static IEnumerable<string> TestsNamedIn(string document) =>
        TestName().Matches(Documents.Read(document)).Select(name => name.Groups["name"].Value).Distinct();

    // `Method_Condition_Result`, or with its class before it.
    [GeneratedRegex(@"`(?:\w+\.)*(?<name>[A-Z]\w+_[A-Z]\w*(?:_\w+)*)`")]
    private static partial Regex TestName();

    [GeneratedRegex(@"`(?:tests/mutants/)?(?<name>[\w.-]+\.mutant)`")]
    private static partial Regex MutantName();

    [GeneratedRegex(@"^\| `(?<name>[a-z-]+)` \|", RegexOptions.Multiline)]
    private static partial Regex CounterRow();

    [GeneratedRegex(@"^(?<name>Gnomon\.[\w.]*Tests) +\d+ passed", RegexOptions.Multiline)]
    private static partial Regex TestRow();
}
