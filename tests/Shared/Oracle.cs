using System.Diagnostics;

namespace Gnomon.Testing;

/// <summary>
/// A program or property of the machine that a test compares Gnomon with, and that may be missing. A test that needs one calls
/// <see cref="Tool"/> or <see cref="Require"/> first: without it the test is skipped, and <c>./build test</c> names it.
/// Where the environment sets GNOMON_REQUIRE_ORACLES=1 (continuous integration) a missing oracle is a failure.
/// </summary>
[StackTraceHidden]
internal static class Oracle
{
    /// <summary>The full path of the program <paramref name="name"/> on the PATH; without it the test is skipped.</summary>
    public static string Tool(string name)
    {
        string? path = (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(directory => Path.Combine(directory, name))
            .FirstOrDefault(File.Exists);
        Require(name, path is not null, "not on the PATH", path);
        return path!;
    }

    /// <summary>Skips the test, as "<paramref name="name"/>: <paramref name="otherwise"/>", unless the oracle is there.</summary>
    public static void Require(string name, bool found, string otherwise, string? detail = null)
    {
        if (found)
        {
            Console.WriteLine($"oracle: {name}: {detail ?? "found"}");
        }
        else if (TestSettings.RequireOracles)
        {
            Assert.Fail($"{name}: {otherwise} (GNOMON_REQUIRE_ORACLES is set)");
        }
        else
        {
            Assert.Skip($"{name}: {otherwise}");
        }
    }

    /// <summary>Skips the test where it has no meaning: on another operating system or processor. That is never a failure.</summary>
    public static void RequirePlatform(bool here, string needed) => Assert.SkipUnless(here, $"platform: needs {needed}");
}
