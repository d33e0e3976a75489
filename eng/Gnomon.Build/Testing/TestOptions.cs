namespace Gnomon.Build.Testing;

/// <summary>What <c>./build test</c> was asked for.</summary>
internal sealed class TestOptions
{
    /// <summary>A part of the name of the projects to run; null for all.</summary>
    public string? Filter { get; private set; }

    public bool Build { get; private set; } = true;

    public TimeSpan Timeout { get; } = TimeSpan.FromMinutes(30);

    public Dictionary<string, string> Environment { get; } = [];

    /// <summary>What follows "--": arguments of xunit's own runner, such as -method NAME.</summary>
    public IReadOnlyList<string> RunnerArguments { get; private set; } = [];

    public bool RequireOracles { get; } = System.Environment.GetEnvironmentVariable("GNOMON_REQUIRE_ORACLES") == "1";

    public static TestOptions Parse(ReadOnlySpan<string> arguments)
    {
        TestOptions options = new();
        for (int i = 0; i < arguments.Length; i++)
        {
            switch (arguments[i])
            {
                case "--full":
                    options.Environment["GNOMON_FULL"] = "1";
                    break;
                case "--no-build":
                    options.Build = false;
                    break;
                case "--steps":
                    if (++i == arguments.Length || !uint.TryParse(arguments[i], out uint steps) || steps == 0)
                    {
                        throw new UsageException("--steps needs a number");
                    }

                    options.Environment["GNOMON_STEPS"] = arguments[i];
                    break;
                case "--":
                    options.RunnerArguments = arguments[(i + 1)..].ToArray();
                    return options;
                case ['-', ..]:
                    throw new UsageException($"test: unknown option {arguments[i]}");
                default:
                    options.Filter = options.Filter is null
                        ? arguments[i]
                        : throw new UsageException("test: one name only; runner arguments come after --");
                    break;
            }
        }

        return options;
    }
}
