using System.Diagnostics;

namespace Gnomon.Architecture.Tests;

/// <summary>Fails a test with the list of those who broke a rule, and the rule.</summary>
[StackTraceHidden]
internal static class Offenders
{
    public static void AreNone(IEnumerable<string> offenders, string rule)
    {
        string[] list = [.. offenders];
        Assert.True(list.Length == 0, $"{rule}:\n  {string.Join("\n  ", list)}");
    }
}
