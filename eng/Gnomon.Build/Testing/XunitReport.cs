using System.Xml;
using System.Xml.Linq;

namespace Gnomon.Build.Testing;

internal enum TestResult
{
    Pass,
    Fail,
    Skip,
}

/// <summary>One test case of a report; a theory has several cases with the same method.</summary>
/// <param name="Method">Full name: Namespace.Class.Method.</param>
/// <param name="Reason">Why it was skipped, or how it failed.</param>
internal sealed record TestCase(string Method, string Name, TestResult Result, string? Reason, string? StackTrace);

/// <summary>The XML report (xUnit.net v2+ format) that a test program writes for -result-xml.</summary>
internal sealed class XunitReport
{
    private XunitReport(IReadOnlyList<TestCase> cases, IReadOnlyList<string> errors)
    {
        Cases = cases;
        Errors = errors;
    }

    public IReadOnlyList<TestCase> Cases { get; }

    /// <summary>Failures outside of any test: of a fixture's clean-up, for instance.</summary>
    public IReadOnlyList<string> Errors { get; }

    public Tally Tally => new(Count(TestResult.Pass), Count(TestResult.Fail) + Errors.Count, Count(TestResult.Skip));

    /// <summary>Reads a report; null if there is none, or only a part of one: then the program did not come to its end.</summary>
    public static XunitReport? Read(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            XDocument report = XDocument.Load(path);
            return new XunitReport(
                [.. report.Descendants("test").Where(test => (string?)test.Attribute("result") != "NotRun").Select(Case)],
                [.. report.Descendants("error").Select(error => error.Value.Trim())]);
        }
        catch (XmlException)
        {
            return null;
        }
    }

    private static TestCase Case(XElement test) => new(
        $"{(string?)test.Attribute("type")}.{(string?)test.Attribute("method")}",
        (string?)test.Attribute("name") ?? "",
        (string?)test.Attribute("result") switch { "Pass" => TestResult.Pass, "Skip" => TestResult.Skip, _ => TestResult.Fail },
        (string?)test.Element("reason") ?? (string?)test.Element("failure")?.Element("message"),
        (string?)test.Element("failure")?.Element("stack-trace"));

    private int Count(TestResult result) => Cases.Count(test => test.Result == result);
}
