using System.Buffers;
using System.Diagnostics;
using System.Text;

namespace Gnomon.Linux;

/// <summary>Runs apt for i386 with lists, cache and state of its own, so that nothing on the system changes. Needs no root.</summary>
internal sealed class Apt
{
    private const int MaxOutput = 16 << 20;

    private static readonly SearchValues<char> _notInConfiguration = SearchValues.Create("\"\n\\{};");

    private readonly PackageFetcherOptions _options;
    private readonly string _folder;
    private readonly string _configuration;

    /// <summary>Writes the configuration and the folders.</summary>
    /// <exception cref="LinuxFileException">There is no apt, or the host has no usable package sources.</exception>
    public Apt(PackageFetcherOptions options)
    {
        _options = options;
        _folder = Path.Combine(options.CacheFolder, "apt");
        if (_folder.AsSpan().ContainsAny(_notInConfiguration))
        {
            throw new LinuxFileException($"The cache folder {options.CacheFolder} has a character in its name that apt's configuration cannot have.");
        }

        Find("apt-get");
        Find("apt-cache");
        string sources = AptSources.Derive(options.AptFolder, Codename());
        if (sources.Length == 0)
        {
            throw new LinuxFileException($"{options.AptFolder} names no package source of this system's own release; {PackageFetcher.Advice}.");
        }

        foreach (string folder in (string[])["lists/partial", "archives/partial", "state"])
        {
            Directory.CreateDirectory(Path.Combine(_folder, folder));
        }

        File.WriteAllText(Path.Combine(_folder, "gnomon.sources"), sources);
        File.WriteAllText(Path.Combine(_folder, "state", "status"), "");
        _configuration = Path.Combine(_folder, "apt.conf");
        File.WriteAllText(_configuration, Configuration());
    }

    /// <summary>Runs a program of apt.</summary>
    /// <param name="program">apt-get or apt-cache.</param>
    /// <param name="folder">The working directory.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="cancel">Ends it.</param>
    /// <returns>The exit status, and both outputs.</returns>
    /// <exception cref="LinuxFileException">It cannot be started.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public (int Status, string Output, string Errors) Run(string program, string folder, IEnumerable<string> arguments, CancellationToken cancel)
    {
        ProcessStartInfo start = new(Find(program), ["-c", _configuration, .. arguments])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["LC_ALL"] = "C";
        start.Environment["DEBIAN_FRONTEND"] = "noninteractive";
        try
        {
            using Process process = Process.Start(start)!;
            process.StandardInput.Close();
            using CancellationTokenRegistration registration = cancel.Register(() => Kill(process));
            Task<string> errors = Task.Run(() => ReadAll(process.StandardError));
            string output = ReadAll(process.StandardOutput);
            process.WaitForExit();
            cancel.ThrowIfCancellationRequested();
            return (process.ExitCode, output, errors.GetAwaiter().GetResult());
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            throw new LinuxFileException($"{program} cannot be started: {error.Message}", error);
        }
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }

    private static string ReadAll(StreamReader reader)
    {
        StringBuilder text = new();
        char[] buffer = new char[8192];
        for (int read = reader.Read(buffer); read > 0; read = reader.Read(buffer))
        {
            // What is more is read on, so that the program can end, and dropped.
            text.Append(buffer, 0, Math.Min(read, MaxOutput - text.Length));
        }

        return text.ToString();
    }

    // apt.conf(5). Hooks of the host (images of containers have some that delete files) and its pins are for the host's own packages.
    private string Configuration() => $$"""
        #clear APT::Architectures;
        #clear APT::Update::Pre-Invoke;
        #clear APT::Update::Post-Invoke;
        #clear APT::Update::Post-Invoke-Success;
        APT::Architecture "i386";
        APT::Architectures { "i386"; };
        APT::Get::AllowUnauthenticated "false";
        Acquire::AllowInsecureRepositories "false";
        Acquire::AllowWeakRepositories "false";
        Acquire::AllowDowngradeToInsecureRepositories "false";
        Acquire::Languages "none";
        Dir::State "{{_folder}}/state";
        Dir::State::lists "{{_folder}}/lists";
        Dir::State::status "{{_folder}}/state/status";
        Dir::Cache "{{_folder}}";
        Dir::Etc::SourceList "{{_folder}}/gnomon.sources";
        Dir::Etc::SourceParts "/dev/null";
        Dir::Etc::Preferences "/dev/null";
        Dir::Etc::PreferencesParts "/dev/null";

        """;

    private string Find(string program)
    {
        string path = _options.SearchPath ?? Environment.GetEnvironmentVariable("PATH") ?? "";
        return path.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, program))
            .FirstOrDefault(File.Exists)
            ?? throw new LinuxFileException($"This system has no {program}; {PackageFetcher.Advice}.");
    }

    private string Codename()
    {
        string[] lines = File.Exists(_options.OsReleaseFile) ? File.ReadAllLines(_options.OsReleaseFile) : [];
        return lines.FirstOrDefault(line => line.StartsWith("VERSION_CODENAME=", StringComparison.Ordinal))?["VERSION_CODENAME=".Length..].Trim('"', '\'')
            ?? "";
    }
}
