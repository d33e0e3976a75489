namespace Gnomon.Build.Testing;

/// <summary>Prints what failed, with the part of the stack that is ours.</summary>
internal static class Failures
{
    public static void Print(TestReport report)
    {
        foreach (TestCase test in report.Cases.Where(test => test.Result == TestResult.Fail))
        {
            Console.WriteLine($"  FAILED {test.Name}");
            PrintIndented(test.Reason);
            PrintIndented(test.StackTrace);
        }

        foreach (string error in report.Errors)
        {
            Console.WriteLine("  FAILED outside of a test");
            PrintIndented(error);
        }
    }

    /// <summary>A stack frame of the runtime or of the test framework.</summary>
    public static bool IsForeignFrame(string line) =>
        line.TrimStart() is ['a', 't', ' ', ..] frame
        && (frame.StartsWith("at System.", StringComparison.Ordinal) || frame.StartsWith("at Xunit.", StringComparison.Ordinal));

    private static void PrintIndented(string? text)
    {
        foreach (string line in (text ?? "").Split('\n').Where(line => line.Trim().Length > 0 && !IsForeignFrame(line)))
        {
            Console.WriteLine($"    {line.TrimEnd()}");
        }
    }
}
