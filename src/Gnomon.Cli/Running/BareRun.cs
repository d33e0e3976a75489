using System.Diagnostics;
using System.Globalization;
using Gnomon.Cpu;
using Gnomon.Cpu.Bare;

namespace Gnomon.Cli.Running;

/// <summary>How a run of a bare machine is to go.</summary>
/// <param name="MaxInstructions">Where it ends at the latest; null for nowhere.</param>
/// <param name="HasStatistics">Whether counters are printed behind it.</param>
/// <param name="Trace">Where instructions are traced to; null for nowhere.</param>
internal sealed record BareRunOptions(long? MaxInstructions, bool HasStatistics, TextWriter? Trace);

/// <summary>Runs a bare machine to its end, and says how it ended.</summary>
internal sealed class BareRun(CliConsole console, BareMachine machine, ConsolePorts ports, BareRunOptions options)
{
    // Often enough that output is seen and a key press heard; seldom enough to cost nothing.
    private const long SliceInstructions = 1 << 20;

    /// <summary>Runs.</summary>
    /// <returns>The exit status of a program that ends by itself.</returns>
    /// <exception cref="CliError">It ended in another way.</exception>
    public int Run()
    {
        using CancellationTokenRegistration stop = console.Cancellation.Register(machine.Processor.RequestAttention);
        long start = Stopwatch.GetTimestamp();
        BareEnd end = options.Trace is TextWriter trace ? RunTraced(trace) : RunFast();
        TimeSpan took = Stopwatch.GetElapsedTime(start);
        ports.EndLine();
        if (options.HasStatistics)
        {
            WriteStatistics(took);
        }

        return end == BareEnd.Halted ? ExitStatus.Done : throw Explain(end);
    }

    private BareEnd RunFast()
    {
        BareEnd end;
        do
        {
            end = machine.Run(Math.Min(Left, SliceInstructions));
            ports.Flush();
            console.Cancellation.ThrowIfCancellationRequested();
        }
        while (end is BareEnd.Budget or BareEnd.Attention && Left > 0);

        return end;
    }

    private BareEnd RunTraced(TextWriter output)
    {
        InstructionTrace trace = new(machine, output);
        BareEnd end;
        do
        {
            end = trace.Step();
            ports.Flush();
            console.Cancellation.ThrowIfCancellationRequested();
        }
        while (end is BareEnd.Budget or BareEnd.Attention && Left > 0);

        return end;
    }

    private long Left => options.MaxInstructions is long most ? most - (long)machine.Processor.Instructions : long.MaxValue;

    private CliError Explain(BareEnd end)
    {
        ProcessorRegisters registers = machine.Processor.Registers;
        string place = string.Create(
            CultureInfo.InvariantCulture,
            $"at {registers.Segment(SegmentName.Cs).Selector:x4}:{registers.Eip:x8} after {machine.Processor.Instructions} instructions");
        return end switch
        {
            BareEnd.TripleFault => new CliError(ExitStatus.TripleFault, $"triple fault {place}: an exception came while a double fault was being delivered; --trace-instructions shows the way there"),
            BareEnd.Waiting => new CliError(ExitStatus.Stuck, $"HLT with interrupts on {place}: there is no source of interrupts, so it would wait for ever"),
            _ => new CliError(ExitStatus.BudgetSpent, $"the instructions of --max-instructions are spent {place}"),
        };
    }

    private void WriteStatistics(TimeSpan took)
    {
        Processor processor = machine.Processor;
        Write("instructions", processor.Instructions);
        Write("blocks-built", processor.BlocksBuilt);
        Write("code-pages-dropped", processor.CodePagesDropped);
        Write("tlb-walks", processor.Walks);
        Write("mips", Math.Round(processor.Instructions / Math.Max(took.TotalMicroseconds, 1), 1));
    }

    private void Write(string name, IFormattable value) =>
        console.Output.WriteLine($"  {name} {value.ToString(null, CultureInfo.InvariantCulture)}");
}
