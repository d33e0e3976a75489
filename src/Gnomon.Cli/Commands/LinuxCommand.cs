using System.CommandLine;
using System.CommandLine.Parsing;
using Gnomon.Cli.Running;
using Gnomon.Cpu.Memory;
using Gnomon.Linux;

namespace Gnomon.Cli.Commands;

/// <summary><c>gnomon linux</c>: boots a stock Debian kernel to a shell, or runs a script in it.</summary>
internal sealed class LinuxCommand
{
    private const string Notes = """
        Gets the newest stock kernel of Debian 12 for i386, and a static busybox, through this machine's apt: verified by apt's
        signatures, kept in a folder of the user's cache ($XDG_CACHE_HOME/gnomon or ~/.cache/gnomon), nothing on the system
        changed, no root needed. Later runs need no network. Then it boots the kernel to a shell on this terminal. `exit` ends
        the guest.

        --script runs a program in place of the shell and ends with its exit status; what it leaves in the guest's /out is
        copied to the folder --out names. --file puts files of this machine into the guest.
        The guest ends where it wants to be started anew: `reboot`, or a kernel that panics.
        A shell has the host's time by default, a script virtual time: waits take none of yours, and each run is the same.

        Examples:
          gnomon linux
          gnomon linux 686 --append nokaslr --stats
          gnomon linux --script test.sh --file ./program=/root/program --out results

        Exit status:
          0      the guest switched itself off; with --script: the script's status, 0 … 255
          2 … 9  as for `gnomon run`; with --script only where the script has not come to its end, and 70 and above likewise
        """;

    private const int OutDiskMiB = 1024;

    private readonly Argument<LinuxFlavour> _flavour = new("KERNEL")
    {
        Description = "Which kernel: 686 (two-level page tables) or 686-pae (the default).",
        HelpName = "686|686-pae",
        Arity = ArgumentArity.ZeroOrOne,
        CustomParser = ParseFlavour,
        DefaultValueFactory = _ => LinuxFlavour.I686Pae,
    };

    private readonly Option<string?> _deb = new("--deb") { Description = "Take the kernel from this linux-image package in place of Debian's archive.", HelpName = "FILE" };

    private readonly Option<string?> _busybox = new("--busybox-deb") { Description = "Take busybox from this busybox-static package for i386.", HelpName = "FILE" };

    private readonly Option<bool> _refresh = new("--refresh") { Description = "Ask the archive for newer packages even where some are in the cache." };

    private readonly Option<string?> _script = new("--script") { Description = "Run this program in place of a shell, and end with its exit status.", HelpName = "FILE" };

    private readonly Option<string[]> _files = new("--file")
    {
        Description = "Put a file or folder of this machine into the guest. Several are possible.",
        HelpName = "HOST=/GUEST",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<string?> _out = new("--out") { Description = "Where the files go that the guest has left in /out.", HelpName = "FOLDER" };

    private readonly Option<int?> _memory = OptionParsers.OptionalNumber("--memory", "MIB", "Memory in MiB; default 128.", 32, BareMemory.MaxRamMiB);

    private readonly Option<long?> _most = OptionParsers.OptionalLong("--max-instructions", "N", "End after N instructions.", 1, long.MaxValue);

    private readonly Option<bool> _stats = new("--stats") { Description = "Print counters after the run; --stats=json as JSON." };

    private readonly KernelOptions _guest = new();

    private readonly CliConsole _console;

    private LinuxCommand(CliConsole console) => _console = console;

    /// <summary>Makes the command.</summary>
    public static Command Create(CliConsole console)
    {
        LinuxCommand linux = new(console);
        NotedCommand command = new("linux", "Boot a stock Debian kernel to a shell.", Notes)
        {
            linux._flavour,
            linux._script,
            linux._files,
            linux._out,
            linux._deb,
            linux._busybox,
            linux._refresh,
            linux._memory,
            linux._most,
            linux._stats,
        };
        foreach (Option option in linux._guest.ForLinux)
        {
            command.Add(option);
        }

        command.Validators.Add(linux.Check);
        command.SetAction(linux.Run);
        return command;
    }

    private static LinuxFlavour ParseFlavour(ArgumentResult result)
    {
        switch (result.Tokens.Count == 0 ? "686-pae" : result.Tokens[0].Value)
        {
            case "686":
                return LinuxFlavour.I686;
            case "686-pae":
                return LinuxFlavour.I686Pae;
            default:
                result.AddError($"There is no kernel \"{result.Tokens[0].Value}\": write 686 or 686-pae");
                return default;
        }
    }

    private void Check(CommandResult result)
    {
        if (result.GetResult(_deb) is not null && result.GetResult(_flavour) is { Tokens.Count: > 0 })
        {
            result.AddError("--deb says which kernel: leave 686 and 686-pae out");
        }
        else if (result.GetResult(_deb) is not null && result.GetResult(_refresh) is not null)
        {
            result.AddError("--refresh goes with kernels of Debian's archive only, not with --deb");
        }
        else
        {
            _guest.Check(result);
        }
    }

    private int Run(ParseResult parsed)
    {
        try
        {
            MachineRunOptions options = _guest.Read(parsed, parsed.GetValue(_memory) ?? LinuxGuest.DefaultMemoryMiB, parsed.GetValue(_most), parsed.GetValue(_stats));
            string? script = parsed.GetValue(_script);
            options = options with { TypesEndOfInput = script is null && !options.HasPseudoTerminal };
            LinuxGuest guest = new()
            {
                Script = script is null ? default(ReadOnlyMemory<byte>?) : ImageFiles.ReadWhole(script),
                Files = [.. (parsed.GetValue(_files) ?? []).SelectMany(HostFiles.Read)],
                IsQuiet = script is not null,
            };
            bool real = _guest.ClockIsReal(parsed) ?? script is null;
            MachineOptions basis = options.Machine with { RealTime = real ? TimeProvider.System : null };
            string? folder = parsed.GetValue(_out);
            return script is null && folder is null
                ? Boot(options with { Machine = Prepare(parsed, guest, basis) })
                : BootWithOutDisk(parsed, options, guest, basis, folder);
        }
        catch (LinuxFileException error)
        {
            throw new CliError(ExitStatus.BadInput, error.Message.TrimEnd('.'));
        }
        catch (Monitor.KernelFormatException error)
        {
            throw new CliError(ExitStatus.BadInput, error.Message.TrimEnd('.'));
        }
    }

    // The packages' files stay here: what of them the machine does not need is not kept while it runs.
    private MachineOptions Prepare(ParseResult parsed, LinuxGuest guest, MachineOptions basis) => Fetch(parsed).Machine(guest, basis);

    private LinuxSystem Fetch(ParseResult parsed)
    {
        PackageFetcherOptions fetch = new()
        {
            CacheFolder = PackageFetcherOptions.DefaultCacheFolder(),
            Refresh = parsed.GetValue(_refresh),
            Progress = line => _console.Error.WriteLine($"gnomon: {line}"),
        };
        string? busybox = parsed.GetValue(_busybox);
        return parsed.GetValue(_deb) is { } deb
            ? LinuxSystem.FromPackage(deb, busybox, fetch, _console.Cancellation)
            : LinuxSystem.Fetch(parsed.GetValue(_flavour), fetch, _console.Cancellation);
    }

    private int Boot(MachineRunOptions options)
    {
        using MachineRun run = new(_console, options);
        return run.Run();
    }

    // The disk is the last one; it has no blocks on the host until the guest writes some.
    private int BootWithOutDisk(ParseResult parsed, MachineRunOptions options, LinuxGuest guest, MachineOptions basis, string? folder)
    {
        if (basis.Disks.Count == MachineOptions.MaxDisks)
        {
            throw new CliError(ExitStatus.BadInput, $"the guest needs one of its {MachineOptions.MaxDisks} disks to give back files and status; leave one --disk out");
        }

        CheckFolder(folder);
        string path = NewDisk();
        void Delete(object? sender, EventArgs arguments) => File.Delete(path);
        AppDomain.CurrentDomain.ProcessExit += Delete;
        try
        {
            string device = $"vd{(char)('a' + basis.Disks.Count)}";
            int status = Boot(options with
            {
                Machine = Prepare(parsed, guest with { OutDevice = device }, basis with { Disks = [.. basis.Disks, new MachineDisk(path)] }),
            });
            OutResult result = TakeBack(path, folder);
            foreach (string problem in result.Problems)
            {
                _console.Complain(problem);
            }

            return guest.Script is not null ? result.Status ?? ExitStatus.Killed : status;
        }
        finally
        {
            AppDomain.CurrentDomain.ProcessExit -= Delete;
            File.Delete(path);
        }
    }

    // Before the run: who waits for an hour does not want to hear it then.
    private static void CheckFolder(string? folder)
    {
        if (folder is null)
        {
            return;
        }

        try
        {
            Directory.CreateDirectory(folder);
            string probe = Path.Combine(folder, $".gnomon.{Environment.ProcessId}");
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CliError(ExitStatus.InputOutput, $"{folder} cannot be written: {error.Message}");
        }
    }

    private static string NewDisk()
    {
        string? path = null;
        try
        {
            path = Path.GetTempFileName();
            using FileStream disk = new(path, FileMode.Create, FileAccess.Write);
            disk.SetLength((long)OutDiskMiB << 20);
            return path;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            if (path is not null)
            {
                File.Delete(path);
            }

            throw new CliError(ExitStatus.InputOutput, $"the disk by which the guest gives back files and status cannot be made: {error.Message} TMPDIR says where it goes");
        }
    }

    private static OutResult TakeBack(string disk, string? folder)
    {
        try
        {
            using FileStream written = new(disk, FileMode.Open, FileAccess.Read);
            return folder is null ? OutDisk.ReadStatus(written) : OutDisk.Read(written, folder, new OutLimits());
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CliError(ExitStatus.InputOutput, $"{folder ?? disk} cannot be written: {error.Message}");
        }
    }
}
