using System.CommandLine;
using System.CommandLine.Parsing;
using Gnomon.Cli.Running;
using Gnomon.Cpu;
using Gnomon.Monitor;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon.Cli.Commands;

/// <summary>The options of <c>gnomon run KERNEL</c>, beside those that a bare machine has too.</summary>
internal sealed class KernelOptions
{
    /// <summary>How the user writes it.</summary>
    public const string StatsAsJson = "--stats=json";

    /// <summary>How the parser sees it.</summary>
    public const string HiddenStatsAsJson = "--stats-json";

    // Words of --console that are no files.
    private const string StandardStreams = "stdio";
    private const string NewTerminal = "pty";

    private const int MaxSeconds = 10_000_000;

    private readonly Option<string?> _ramDisk = new("--initrd") { Description = "The initial RAM disk.", HelpName = "FILE" };

    private readonly Option<string?> _append = new("--append") { Description = "The kernel's command line.", HelpName = "TEXT" };

    private readonly Option<string[]> _disks = new("--disk")
    {
        Description = "A disk: a file that is written, only read (:ro), or never changed, with what is written kept aside until the end (:cow). Several are possible.",
        HelpName = "FILE[:ro|:cow]",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
    };

    private readonly Option<string?> _consoleFile = new("--console") { Description = "Where the guest's console is: stdio (the default), pty (a new terminal, whose name is told), or a file that takes its output.", HelpName = "stdio|pty|FILE" };

    private readonly Option<ClockKind?> _clock = OptionParsers.Choice<ClockKind>("--clock", "The guest's time: the host's, or one that passes with each instruction (the default), so that the same input gives the same run.");

    private readonly Option<long?> _seed = OptionParsers.OptionalLong("--seed", "N", "What the guest's random numbers grow from; default 1.", 0, long.MaxValue);

    private readonly Option<Coherence?> _coherence = OptionParsers.Choice<Coherence>("--coherence", "How changes of the guest's page tables are learnt.");

    private readonly Option<int?> _slots = OptionParsers.OptionalNumber("--slots", "COUNT", "Address spaces kept; default 64.", 1, 4096);

    private readonly Option<TracePolicy?> _policy = OptionParsers.Policy("--policy", "Which address space goes when all slots are taken; default lru.");

    private readonly Option<int?> _prefault = OptionParsers.OptionalNumber("--prefault", "ENTRIES", "Entries that one fault fills; default 1.", 1, 1024);

    private readonly Option<FlushPolicy?> _onFlush = OptionParsers.Choice<FlushPolicy>("--on-flush", "What a flush does.");

    private readonly Option<bool> _strict = new("--strict") { Description = "Kill on attribute bits of page table entries that the original refused." };

    private readonly Option<bool> _classic = new("--classic") { Description = "As the original: --slots 4 --policy random --on-flush discard; other options win." };

    private readonly Option<int> _audit = OptionParsers.Number("--audit", "N", "Check every invariant of the shadow tables before each Nth entry into the guest.", 1, int.MaxValue);

    private readonly Option<string?> _trace = new("--trace") { Description = "Record what the guest asks of its shadow tables, for `gnomon replay`.", HelpName = "FILE.gtrace" };

    private readonly Option<int?> _timeout = OptionParsers.OptionalNumber("--timeout", "SECONDS", "End after so many seconds of the host's time.", 1, MaxSeconds);

    private readonly Option<bool> _paravirt = new("--paravirt") { Description = "The kernel knows that it is a guest, and speaks the lguest interface." };

    private readonly Option<TraceFormat?> _format = OptionParsers.Choice<TraceFormat>("--format", "The page tables of a --paravirt kernel; default two-level.");

    private readonly Option<MmuKind?> _mmu = OptionParsers.Choice<MmuKind>("--mmu", "How an unmodified kernel's addresses are translated: by shadow tables (the default), or by nested ones.");

    private readonly Option<ProfileKind?> _profile = OptionParsers.Choice<ProfileKind>("--cpu-profile", "The processor that an unmodified kernel finds: gnomon (the default, of no known maker, so that no work-around for others' faults is on), intel, or intel-without-nx.");

    private readonly Option<BootKind?> _boot = OptionParsers.Choice<BootKind>("--boot", "How an unmodified kernel is entered: auto (a bzImage is unpacked by the host, if it can), guest (the guest unpacks it), pvh.");

    private readonly Option<bool> _noRestart = new("--no-restart") { Description = "End where the guest wants to be started anew." };

    private readonly Option<bool> _statsJson = new(HiddenStatsAsJson) { Hidden = true };

    /// <summary>All of them, in the order of the help.</summary>
    public IReadOnlyList<Option> All =>
    [
        _ramDisk, _append, _disks, _consoleFile, _clock, _seed, _timeout, _noRestart, _paravirt, _format, _mmu, _profile, _boot,
        _coherence, _slots, _policy, _prefault, _onFlush, _strict, _classic, _audit, _trace, _statsJson,
    ];

    /// <summary>Those that go with a stock Linux, whose kernel and RAM disk are made by the command.</summary>
    public IReadOnlyList<Option> ForLinux =>
    [
        _append, _disks, _consoleFile, _clock, _seed, _timeout, _mmu, _profile, _boot,
        _coherence, _slots, _policy, _prefault, _onFlush, _audit, _trace, _statsJson,
    ];

    /// <summary>The name by which the user knows an option.</summary>
    public static string NameOf(Option option) => option.Name == HiddenStatsAsJson ? StatsAsJson : option.Name;

    /// <summary>Checks what goes together.</summary>
    public void Check(CommandResult result)
    {
        if (result.GetResult(_format) is not null && result.GetResult(_paravirt) is null)
        {
            result.AddError("--format goes with --paravirt only: other kernels switch PAE on themselves");
        }
        else if (result.GetResult(_trace) is not null && result.GetValue(_mmu) == MmuKind.Nested)
        {
            result.AddError("--trace goes with shadow tables only, not with --mmu nested");
        }
    }

    /// <summary>How the run is to go.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="kernel">The kernel's file.</param>
    /// <param name="memoryMiB">Memory.</param>
    /// <param name="most">Instructions; null for any number.</param>
    /// <param name="stats">Whether counters are printed.</param>
    public MachineRunOptions Read(ParseResult parsed, string kernel, int memoryMiB, long? most, bool stats)
    {
        MachineRunOptions options = Read(parsed, memoryMiB, most, stats);
        return options with
        {
            Machine = options.Machine with
            {
                Kernel = ImageFiles.ReadWhole(kernel),
                RamDisk = parsed.GetValue(_ramDisk) is { } ramDisk ? ImageFiles.ReadWhole(ramDisk) : default,
            },
        };
    }

    /// <summary>How the run is to go, but for kernel and RAM disk.</summary>
    /// <inheritdoc cref="Read(ParseResult, string, int, long?, bool)"/>
    public MachineRunOptions Read(ParseResult parsed, int memoryMiB, long? most, bool stats)
    {
        PagingOptions basis = parsed.GetValue(_classic) ? PagingOptions.Classic : new PagingOptions();
        BootKind boot = parsed.GetValue(_boot) ?? BootKind.Auto;
        return new MachineRunOptions
        {
            Machine = new MachineOptions
            {
                Kernel = default,
                CommandLine = parsed.GetValue(_append) ?? "",
                MemoryMiB = memoryMiB,
                Disks = [.. (parsed.GetValue(_disks) ?? []).Select(Disk)],
                Guest = parsed.GetValue(_paravirt) ? GuestKind.Paravirtual : GuestKind.Unmodified,
                Pae = parsed.GetValue(_format) is { } format ? format == TraceFormat.Pae : null,
                Mmu = parsed.GetValue(_mmu) ?? MmuKind.Shadow,
                Profile = Profile(parsed.GetValue(_profile) ?? ProfileKind.Gnomon),
                Protocol = boot == BootKind.Pvh ? BootProtocol.Pvh : BootProtocol.Auto,
                UnpacksKernel = boot != BootKind.Guest,
                Paging = basis with
                {
                    Coherence = parsed.GetValue(_coherence),
                    Slots = parsed.GetValue(_slots) ?? basis.Slots,
                    Policy = parsed.GetValue(_policy) ?? basis.Policy,
                    Prefault = parsed.GetValue(_prefault) ?? basis.Prefault,
                    OnFlush = parsed.GetValue(_onFlush) ?? basis.OnFlush,
                    Strict = parsed.GetValue(_strict),
                },
                RealTime = parsed.GetValue(_clock) == ClockKind.Real ? TimeProvider.System : null,
                Seed = (ulong)(parsed.GetValue(_seed) ?? 1),
                AuditEvery = parsed.GetValue(_audit),
                EndsAtRestart = parsed.GetValue(_noRestart),
            },
            ConsoleFile = parsed.GetValue(_consoleFile) is { } file and not (StandardStreams or NewTerminal) ? file : null,
            HasPseudoTerminal = parsed.GetValue(_consoleFile) == NewTerminal,
            TraceFile = parsed.GetValue(_trace),
            Timeout = parsed.GetValue(_timeout) is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
            MaxInstructions = most,
            Statistics = parsed.GetValue(_statsJson) ? StatisticsKind.Json : stats ? StatisticsKind.Text : StatisticsKind.None,
        };
    }

    /// <summary>Whether the user wants the host's time; null where nothing was said.</summary>
    public bool? ClockIsReal(ParseResult parsed) => parsed.GetValue(_clock) is { } clock ? clock == ClockKind.Real : null;

    private static MachineDisk Disk(string word)
    {
        foreach ((string suffix, DiskAccess access) in new[] { (":ro", DiskAccess.ReadOnly), (":cow", DiskAccess.CopyOnWrite), (":rw", DiskAccess.ReadWrite) })
        {
            if (word.EndsWith(suffix, StringComparison.Ordinal))
            {
                return new MachineDisk(word[..^suffix.Length], access);
            }
        }

        return new MachineDisk(word);
    }

    private static CpuProfile Profile(ProfileKind kind) => kind switch
    {
        ProfileKind.Intel => CpuProfile.Default,
        ProfileKind.IntelWithoutNx => CpuProfile.Default with { NoExecute = false },
        _ => new MachineOptions { Kernel = default }.Profile,
    };

    private enum ProfileKind
    {
        Gnomon,
        Intel,
        IntelWithoutNx,
    }

    private enum BootKind
    {
        Auto,
        Guest,
        Pvh,
    }

    private enum ClockKind
    {
        Virtual,
        Real,
    }
}
