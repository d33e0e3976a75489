using System.CommandLine;
using Gnomon.Cli.Running;
using Gnomon.Cpu.Bare;
using Gnomon.Cpu.Memory;

namespace Gnomon.Cli.Commands;

/// <summary><c>gnomon run</c>: runs a program on a bare machine.</summary>
internal sealed class RunCommand
{
    private const string Notes = """
        The machine has one processor, memory from address 0, and two ports: a byte written to port 0x190 is printed as a line
        `POST xx`, one written to port 0xE9 as text. Other ports, and addresses without memory, read as all ones.

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
          gnomon run --flat hello.bin
          gnomon run --flat kernel.bin@0x200000 --flat data.bin@0x400000 --memory 16
          gnomon run --bios rom.bin --max-instructions 100000000 --stats
          gnomon run --flat hello.bin --trace-instructions=hello.txt

        Exit status:
          0  the program ended: HLT with interrupts off
          2  the command line or a file's size or address is bad; nothing was run
          3  a file cannot be read, output cannot be written, or the host has no memory left
          4  triple fault
          5  the instructions of --max-instructions are spent
          6  HLT with interrupts on: nothing can wake the processor
        """;

    private const int DefaultMemoryMiB = 64;

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

    private readonly Option<bool> _stats = new("--stats") { Description = "Print counters after the run." };

    private readonly CliConsole _console;

    private RunCommand(CliConsole console) => _console = console;

    /// <summary>Makes the command.</summary>
    public static Command Create(CliConsole console)
    {
        RunCommand run = new(console);
        NotedCommand command = new("run", "Run a program on a bare machine.", Notes)
        {
            run._flat,
            run._bios,
            run._memory,
            run._most,
            run._trace,
            run._stats,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(run._flat) is null == result.GetResult(run._bios) is null)
            {
                result.AddError("Name what to run: --flat FILE or --bios FILE, one of the two");
            }
        });
        command.SetAction(run.Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
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
