namespace Gnomon.Build.Testing;

/// <summary>
/// The oracles and other optional parts that the tests met: found ("oracle: NAME: detail" in a test program's output) or skipped
/// (a test skipped with the reason "NAME: why", or "skipped: NAME: why" in the output).
/// </summary>
internal sealed class OptionalParts
{
    private readonly SortedSet<string> _found = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, int> _skipped = new(StringComparer.Ordinal);

    /// <summary>Parts that a program skipped by itself, without a skipped test that would count them.</summary>
    public int SkippedByPrograms { get; private set; }

    /// <summary>Skipped tests that have no meaning on this machine: their reason starts with "platform:".</summary>
    public int OtherPlatforms { get; private set; }

    public bool IsEmpty => _found.Count + _skipped.Count == 0;

    /// <summary>Takes a line of output; false if it is none of ours.</summary>
    public bool TryTake(string line)
    {
        if (line.StartsWith("oracle: ", StringComparison.Ordinal))
        {
            _found.Add(line["oracle: ".Length..]);
            return true;
        }

        if (line.StartsWith("skipped: ", StringComparison.Ordinal))
        {
            SkippedByPrograms++;
            AddSkipped(line["skipped: ".Length..]);
            return true;
        }

        return false;
    }

    public void Take(TestReport report)
    {
        foreach (TestCase test in report.Cases.Where(test => test.Result == TestResult.Skip))
        {
            AddSkipped(test.Reason ?? test.Name);
        }
    }

    public void Print()
    {
        if (IsEmpty)
        {
            return;
        }

        Console.WriteLine("oracles and optional parts");
        foreach (string found in _found)
        {
            Console.WriteLine($"  found    {found}");
        }

        foreach ((string reason, int count) in _skipped)
        {
            Console.WriteLine($"  skipped  {reason}{(count > 1 ? $" ({count} times)" : "")}");
        }
    }

    private void AddSkipped(string reason)
    {
        string firstLine = reason.Split('\n')[0].Trim();
        OtherPlatforms += firstLine.StartsWith("platform:", StringComparison.Ordinal) ? 1 : 0;
        _skipped[firstLine] = _skipped.GetValueOrDefault(firstLine) + 1;
    }
}
