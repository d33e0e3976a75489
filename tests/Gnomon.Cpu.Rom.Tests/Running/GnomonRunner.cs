using System.Globalization;
using System.Text;

namespace Gnomon.Cpu.Rom.Tests.Running;

/// <summary>Gnomon's processor, bare. Time is counted in instructions, so that a run is the same on every machine.</summary>
internal sealed class GnomonRunner : IRomRunner
{
    private const ushort TextPort = 0xE9;
    private const ushort PostPort = 0x190;
    private const uint InterruptFlag = 0x200;
    private const double InstructionsPerSecond = 1_000_000;
    private const int Slice = 100_000;

    // The longest instructions move some 500 bytes; a run of more exits without an instruction done has no end.
    private const int MostExitsOfOneInstruction = 2000;

    /// <inheritdoc/>
    public string Name => "Gnomon";

    /// <inheritdoc/>
    public RomOutput Run(byte[] rom, CpuModel model, TimeSpan timeout) =>
        Run(rom, model, (long)(timeout.TotalSeconds * InstructionsPerSecond), () => Slice).Output;

    /// <summary>Runs a ROM for so many instructions at most.</summary>
    /// <param name="rom">The ROM.</param>
    /// <param name="model">The features it needs.</param>
    /// <param name="instructions">How many; an event counts as one.</param>
    /// <param name="slice">How many the processor shall run until it is called again. No result depends on it.</param>
    public static GnomonRun Run(byte[] rom, CpuModel model, long instructions, Func<int> slice)
    {
        using RomMemory memory = new(rom);
        CpuProfile profile = CpuProfile.Default with { NoExecute = model == CpuModel.NoExecute };
        using Processor processor = new(memory, new ProcessorOptions { Profile = profile });
        StringBuilder text = new();
        List<byte> post = [];
        RomEnd? end = null;
        int exits = 0;
        while (end is null && (long)processor.Instructions < instructions)
        {
            ulong before = processor.Instructions;
            CpuExit exit = processor.Run((int)Math.Min(slice(), instructions - (long)before));
            exits = processor.Instructions == before ? exits + 1 : 0;
            if (exits > MostExitsOfOneInstruction)
            {
                throw new InvalidOperationException($"The processor makes no headway: {exit}");
            }
            if (exit.Reason is CpuExitReason.Port or CpuExitReason.Device)
            {
                Exchange(processor, exit, text, post);
            }
            else
            {
                end = EndOf(processor, exit);
            }
        }
        return new GnomonRun(new RomOutput(text.ToString(), post, end ?? RomEnd.TimedOut), (long)processor.Instructions, StateOf(processor), memory.Hash());
    }

    // No interrupt ever comes: a halt that waits for one waits until the time is up.
    private static RomEnd? EndOf(Processor processor, in CpuExit exit) => exit.Reason switch
    {
        CpuExitReason.Budget => null,
        CpuExitReason.Halt => (processor.Registers.Eflags & InterruptFlag) != 0 ? RomEnd.TimedOut : RomEnd.Halted,
        CpuExitReason.TripleFault => RomEnd.Shutdown,
        _ => throw new InvalidOperationException($"Nothing is intercepted, and yet: {exit}"),
    };

    private static void Exchange(Processor processor, in CpuExit exit, StringBuilder text, List<byte> post)
    {
        if (!exit.IsWrite)
        {
            processor.CompleteRead(ulong.MaxValue >> (64 - (8 * exit.Size)));
            return;
        }
        if (exit is { Reason: CpuExitReason.Port, Port: TextPort, Size: 1 })
        {
            text.Append((char)(byte)exit.Value);
        }
        else if (exit is { Reason: CpuExitReason.Port, Port: PostPort, Size: 1 })
        {
            post.Add((byte)exit.Value);
        }
        processor.CompleteWrite();
    }

    private static string StateOf(Processor processor)
    {
        ProcessorRegisters r = processor.Registers;
        StringBuilder text = new();
        foreach (GeneralRegister register in Enum.GetValues<GeneralRegister>())
        {
            text.Append(CultureInfo.InvariantCulture, $"{register} {r[register]:X8} ");
        }
        foreach (SegmentName segment in Enum.GetValues<SegmentName>())
        {
            text.Append(CultureInfo.InvariantCulture, $"{segment} {r.Segment(segment)} ");
        }
        return text.Append(CultureInfo.InvariantCulture,
            $"Eip {r.Eip:X8} Eflags {r.Eflags:X8} Cpl {r.Cpl} Cr {r.Cr0:X8} {r.Cr2:X8} {r.Cr3:X8} {r.Cr4:X8} {r.Efer:X8} Dr {r.Dr6:X8} {r.Dr7:X8} Tr {r.Task} Ldt {r.Ldt} Gdt {r.Gdt} Idt {r.Idt}").ToString();
    }
}

/// <summary>What a ROM did on Gnomon's processor, and what it left behind.</summary>
/// <param name="Output">What it did.</param>
/// <param name="Instructions">How many instructions it took.</param>
/// <param name="Registers">All registers, at the end.</param>
/// <param name="Memory">A hash of the RAM, at the end.</param>
internal sealed record GnomonRun(RomOutput Output, long Instructions, string Registers, string Memory);
