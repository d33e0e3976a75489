using System.Text.Json;

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

/// <summary>The report that a test program writes for -result-ctrf (Common Test Report Format, JSON).</summary>
internal sealed class TestReport
{
    private TestReport(IReadOnlyList<TestCase> cases, IReadOnlyList<string> errors)
    {
        Cases = cases;
        Errors = errors;
    }

    public IReadOnlyList<TestCase> Cases { get; }

    /// <summary>Failures outside of any test: of a fixture's clean-up, for instance.</summary>
    public IReadOnlyList<string> Errors { get; }

    public Tally Tally => new(Count(TestResult.Pass), Count(TestResult.Fail) + Errors.Count, Count(TestResult.Skip));

    /// <summary>Reads a report; null if there is none, or only a part of one: then the program did not come to its end.</summary>
    public static TestReport? Read(string path)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            using JsonDocument report = JsonDocument.Parse(WithoutControls(File.ReadAllBytes(path)));
            JsonElement results = report.RootElement.GetProperty("results");
            return new TestReport(
                [.. results.GetProperty("tests").EnumerateArray().Where(test => Text(test, "status") != "pending").Select(Case)],
                [.. results.GetProperty("extra").GetProperty("suites").EnumerateArray()
                    .SelectMany(suite => suite.GetProperty("errors").EnumerateArray())
                    .Select(error => $"{Text(error, "type")} of {Text(error, "name")}: {Text(error, "message")}")]);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // The test programs leave the control characters of a failure's text as they are, which JSON does not allow.
    private static byte[] WithoutControls(byte[] text)
    {
        foreach (ref byte value in text.AsSpan())
        {
            value = value < ' ' && value is not ((byte)'\n' or (byte)'\r' or (byte)'\t') ? (byte)' ' : value;
        }

        return text;
    }

    private static TestCase Case(JsonElement test)
    {
        JsonElement extra = test.GetProperty("extra");
        return new TestCase(
            $"{Text(extra, "type")}.{Text(extra, "method")}",
            Text(test, "name") ?? "",
            Text(test, "status") switch { "passed" => TestResult.Pass, "skipped" => TestResult.Skip, _ => TestResult.Fail },
            Text(test, "message"),
            Text(test, "trace"));
    }

    private static string? Text(JsonElement element, string property) =>
        element.TryGetProperty(property, out JsonElement value) ? value.GetString() : null;

    private int Count(TestResult result) => Cases.Count(test => test.Result == result);
}
