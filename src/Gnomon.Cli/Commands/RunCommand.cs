using System.CommandLine;
using System.CommandLine.Parsing;
using Gnomon.Cli.Running;
using Gnomon.Cpu.Bare;
using Gnomon.Cpu.Memory;

namespace Gnomon.Cli.Commands;

/// <summary><c>gnomon run</c>: runs a kernel as a guest, or a program on a bare machine.</summary>
internal sealed class RunCommand
{
    private const string Notes = """
        A guest. KERNEL is a 32-bit Linux kernel (vmlinux or bzImage) or another ELF file. The console is this terminal: Ctrl-] then
          q quits   p pauses or goes on   s shows statistics   t shows page tables   h shows these keys   Ctrl-] types Ctrl-]
        Where standard input ends, so does the guest that waits for it. --stats uses KVM's names where KVM counts the same.

        A bare machine. --flat and --bios run a program on one processor with memory from address 0, and two ports: a byte written to
        port 0x190 is printed as a line `POST xx`, one written to port 0xE9 as text. Other ports, and addresses without memory, read as
        all ones.

        --flat loads raw binaries; without @ADDRESS a file goes to 0x100000. The processor starts at the first byte of the first
        file, in 32-bit protected mode:
          CS 0x08, and DS ES FS GS SS 0x10, with base 0 and a limit of 4 GiB; CPL 0
          ESP 0x80000, the other general registers 0; EFLAGS 0x2: interrupts are off
          CR0 0x11 (PE, ET), CR3 and CR4 0: no paging
          GDTR 0x1000, limit 0x17: null, code, data; a file may be loaded over it, the segments are loaded already
          IDTR limit 0: an exception before LIDT is a triple fault
        --bios loads a ROM of 64, 128, 192 or 256 KiB that ends at 4 GiB; its last 128 KiB also end at 1 MiB. The processor
        starts as after a reset: real mode, CS 0xF000 with base 0xFFFF0000, EIP 0xFFF0.

        HLT with interrupts off ends the run. An exception or interrupt that is delivered counts as one instruction.
        --trace-instructions writes a line for each instruction: CS:EIP, bytes, the instruction, and the registers that it
        changed. A word behind it is the file to write; write --trace-instructions last, or =FILE, or =- for standard error.

        Examples:
          gnomon run --paravirt guests/bin/sundial --append "processes=8" --stats
          gnomon run --paravirt guests/bin/sundial --classic --disk disk.img:cow --trace sundial.gtrace
          gnomon run --flat hello.bin
          gnomon run --flat kernel.bin@0x200000 --flat data.bin@0x400000 --memory 16
          gnomon run --bios rom.bin --max-instructions 100000000 --stats
          gnomon run --flat hello.bin --trace-instructions=hello.txt

        Exit status:
          0    the guest shut down; a program ended by HLT with interrupts off
          1    an audit found a broken invariant: a bug of Gnomon
          2    the command line, or a file's content, size or address, is bad; nothing was run
          3    a file cannot be read, output cannot be written, or the host has no memory left
          4    triple fault (bare machine)
          5    the instructions of --max-instructions are spent
          6    the guest or program halted, and nothing can ever wake it
          7    the guest did what no guest may do
          8    the time of --timeout is over
          9    the guest wants to be started anew, and --no-restart says that it is not
          130  interrupted: Ctrl-] q, or Ctrl-C where the terminal is not the guest's; 129 and 143: by SIGHUP, SIGTERM
        """;

    private const int DefaultMemoryMiB = 64;

    private readonly Argument<string?> _kernel = new("KERNEL") { Description = "The kernel to run as a guest.", Arity = ArgumentArity.ZeroOrOne };

    private readonly Option<string[]> _flat = new("--flat")
    {
        Description = "Load a raw binary, and start at the first one; - is standard input. Several are possible.",
        HelpName = "FILE[@ADDRESS]",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<string?> _bios = new("--bios") { Description = "Load a ROM and start as after a reset.", HelpName = "FILE" };

    private readonly Option<int?> _memory = OptionParsers.OptionalNumber("--memory", "MIB", "Memory in MiB; default 64.", 1, BareMemory.MaxRamMiB);

    private readonly Option<long?> _most = OptionParsers.OptionalLong("--max-instructions", "N", "End after N instructions.", 1, long.MaxValue);

    private readonly Option<string?> _trace = new("--trace-instructions")
    {
        Description = "Write each instruction and what it changed to standard error, or to a file.",
        HelpName = "FILE",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private readonly Option<bool> _stats = new("--stats") { Description = "Print counters after the run; --stats=json as JSON (guests only)." };

    private readonly KernelOptions _guest = new();

    private readonly CliConsole _console;

    private RunCommand(CliConsole console) => _console = console;

    /// <summary>Makes the command.</summary>
    public static Command Create(CliConsole console)
    {
        RunCommand run = new(console);
        OptionParsers.RefuseOptions(run._kernel);
        NotedCommand command = new("run", "Run a kernel as a guest, or a program on a bare machine.", Notes)
        {
            run._kernel,
            run._memory,
            run._most,
            run._stats,
        };
        foreach (Option option in run._guest.All)
        {
            command.Add(option);
        }

        command.Add(run._flat);
        command.Add(run._bios);
        command.Add(run._trace);
        command.Validators.Add(run.Check);
        command.SetAction(run.Run);
        return command;
    }

    // Each option belongs to one kind of machine or to both.
    private void Check(CommandResult result)
    {
        bool isGuest = result.GetResult(_kernel) is { Tokens.Count: > 0 };
        Option?[] bare = [result.GetResult(_flat)?.Option, result.GetResult(_bios)?.Option];
        if (bare.Count(option => option is not null) + (isGuest ? 1 : 0) != 1)
        {
            result.AddError("Name what to run: KERNEL, --flat FILE or --bios FILE, one of the three");
        }
        else if (isGuest && result.GetResult(_trace) is not null)
        {
            result.AddError("--trace-instructions goes with --flat and --bios only");
        }
        else if (!isGuest && _guest.All.FirstOrDefault(option => result.GetResult(option) is { Implicit: false }) is { } foreign)
        {
            result.AddError($"{KernelOptions.NameOf(foreign)} goes with a KERNEL only, not with {bare.First(option => option is not null)!.Name}");
        }
        else
        {
            _guest.Check(result);
        }
    }

    private int RunGuest(ParseResult parsed, string kernel)
    {
        MachineRunOptions options = _guest.Read(parsed, kernel, parsed.GetValue(_memory) ?? DefaultMemoryMiB, parsed.GetValue(_most), parsed.GetValue(_stats));
        using MachineRun run = new(_console, options);
        return run.Run();
    }

    private int Run(ParseResult parsed)
    {
        if (parsed.GetValue(_kernel) is { } kernel)
        {
            return RunGuest(parsed, kernel);
        }

        ConsolePorts ports = new(_console.Output);
        using BareMachine machine = Build(parsed, ports);
        bool traced = parsed.GetResult(_trace) is not null;
        string? file = parsed.GetValue(_trace) is { } name and not "-" ? name : null;
        using TextWriter? trace = file is null ? null : Create(file);
        TextWriter? target = trace ?? (traced ? _console.Error : null);
        BareRunOptions options = new(parsed.GetValue(_most), parsed.GetValue(_stats), target);
        return new BareRun(_console, machine, ports, options).Run();
    }

    private BareMachine Build(ParseResult parsed, ConsolePorts ports)
    {
        int ramMiB = parsed.GetValue(_memory) ?? DefaultMemoryMiB;
        if (parsed.GetValue(_bios) is string rom)
        {
            return new BareMachine(ramMiB, ImageFiles.ReadRom(rom), ports);
        }

        List<FlatImage> images = [.. parsed.GetRequiredValue(_flat).Select(FlatImage.Parse)];
        List<byte[]> contents = ImageFiles.ReadAll(images, ramMiB);
        BareMachine machine = new(ramMiB, default, ports);
        FlatStart.Apply(machine, (uint)images[0].Address);
        foreach ((FlatImage image, byte[] bytes) in images.Zip(contents))
        {
            machine.Memory.Load(image.Address, bytes);
        }

        return machine;
    }

    private static StreamWriter Create(string file)
    {
        try
        {
            return new StreamWriter(file) { NewLine = "\n" };
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CliError(ExitStatus.InputOutput, $"{file} cannot be written: {error.Message}");
        }
    }
}
