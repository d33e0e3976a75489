namespace Gnomon.Linux;

/// <summary>Where packages come from and where they are kept.</summary>
public sealed record PackageFetcherOptions
{
    /// <summary>The folder that all is kept in: packages, and apt's own lists and state for i386.</summary>
    public required string CacheFolder { get; init; }

    /// <summary>Apt's folder, with the host's package sources.</summary>
    public string AptFolder { get; init; } = "/etc/apt";

    /// <summary>The file that says which release the host runs (os-release(5)).</summary>
    public string OsReleaseFile { get; init; } = "/etc/os-release";

    /// <summary>Where apt-get and apt-cache are: folders as in PATH; null for the environment's own.</summary>
    public string? SearchPath { get; init; }

    /// <summary>Whether the archive is asked for a newer package even when there is one in the cache.</summary>
    public bool Refresh { get; init; }

    /// <summary>Hears what is being done, a line each.</summary>
    public Action<string>? Progress { get; init; }

    /// <summary>The folder for a user's cached data: $XDG_CACHE_HOME/gnomon, else ~/.cache/gnomon, or what the system has for that.</summary>
    public static string DefaultCacheFolder()
    {
        string? cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        if (string.IsNullOrEmpty(cache) || !Path.IsPathFullyQualified(cache))
        {
            cache = OperatingSystem.IsWindows()
                ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
                : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        }

        return Path.Combine(cache, "gnomon");
    }
}
