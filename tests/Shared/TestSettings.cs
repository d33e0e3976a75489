using System.Globalization;

namespace Gnomon.Testing;

/// <summary>What <c>./build test</c> tells the tests, through the environment.</summary>
internal static class TestSettings
{
    /// <summary>GNOMON_FULL=1 (<c>./build test --full</c>): the long variants run as well.</summary>
    public static bool Full => IsSet("GNOMON_FULL");

    /// <summary>GNOMON_REQUIRE_ORACLES=1: a missing oracle fails its tests.</summary>
    public static bool RequireOracles => IsSet("GNOMON_REQUIRE_ORACLES");

    /// <summary>The number of steps of a property test: GNOMON_STEPS (<c>--steps N</c>) if set, ten times
    /// <paramref name="normal"/> in a full run, else <paramref name="normal"/>.</summary>
    public static int Steps(int normal)
    {
        string? given = Environment.GetEnvironmentVariable("GNOMON_STEPS");
        return int.TryParse(given, NumberStyles.None, CultureInfo.InvariantCulture, out int steps) ? steps
            : Full ? normal * 10
            : normal;
    }

    private static bool IsSet(string name) => Environment.GetEnvironmentVariable(name) is "1" or "true";
}
