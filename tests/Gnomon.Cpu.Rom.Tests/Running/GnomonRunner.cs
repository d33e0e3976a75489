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

    /// <inheritdoc/>
    public string Name => "Gnomon";

    /// <inheritdoc/>
    public RomOutput Run(byte[] rom, CpuModel model, TimeSpan timeout)
    {
        using RomMemory memory = new(rom);
        CpuProfile profile = CpuProfile.Default with { NoExecute = model == CpuModel.NoExecute };
        using Processor processor = new(memory, new ProcessorOptions { Profile = profile });
        ulong budget = (ulong)(timeout.TotalSeconds * InstructionsPerSecond);
        StringBuilder text = new();
        List<byte> post = [];
        while (processor.Instructions < budget)
        {
            CpuExit exit = processor.Run(Slice);
            switch (exit.Reason)
            {
                case CpuExitReason.Budget:
                    break;
                case CpuExitReason.Port when exit.IsWrite:
                    Write(exit, text, post);
                    processor.CompleteWrite();
                    break;
                case CpuExitReason.Device when exit.IsWrite:
                    processor.CompleteWrite();
                    break;
                case CpuExitReason.Port or CpuExitReason.Device:
                    processor.CompleteRead(AllOnes(exit.Size));
                    break;
                // No interrupt ever comes: a halt that waits for one waits until the time is up.
                case CpuExitReason.Halt:
                    bool waits = (processor.Registers.Eflags & InterruptFlag) != 0;
                    return new RomOutput(text.ToString(), post, waits ? RomEnd.TimedOut : RomEnd.Halted);
                case CpuExitReason.TripleFault:
                    return new RomOutput(text.ToString(), post, RomEnd.Shutdown);
                default:
                    throw new InvalidOperationException($"Nothing is intercepted, and yet: {exit}");
            }
        }

        return new RomOutput(text.ToString(), post, RomEnd.TimedOut);
    }

    private static void Write(in CpuExit exit, StringBuilder text, List<byte> post)
    {
        if (exit is { Port: TextPort, Size: 1 })
        {
            text.Append((char)(byte)exit.Value);
        }
        else if (exit is { Port: PostPort, Size: 1 })
        {
            post.Add((byte)exit.Value);
        }
    }

    private static ulong AllOnes(int size) => ulong.MaxValue >> (64 - (8 * size));
}
