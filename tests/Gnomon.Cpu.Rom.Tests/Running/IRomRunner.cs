namespace Gnomon.Cpu.Rom.Tests.Running;

/// <summary>How a run ended.</summary>
internal enum RomEnd
{
    /// <summary>The ROM came to its end: CLI, HLT.</summary>
    Halted,

    /// <summary>A triple fault: the processor shut down.</summary>
    Shutdown,

    /// <summary>The time was up.</summary>
    TimedOut,
}

/// <summary>What a ROM did.</summary>
/// <param name="Text">All bytes sent to port 0xE9.</param>
/// <param name="PostCodes">All bytes sent to port 0x190.</param>
/// <param name="End">How it ended.</param>
internal sealed record RomOutput(string Text, IReadOnlyList<byte> PostCodes, RomEnd End)
{
    /// <summary>The lines of the text, without an unfinished last one's line feed.</summary>
    public IReadOnlyList<string> Lines => Text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>
/// A machine that runs a ROM: an IA-32 processor of the sixth generation with 16 MiB of RAM, the ROM below 4 GiB and its last 128 KiB
/// at 0xE0000 to 0xFFFFF, nothing but the ports 0xE9 and 0x190 behind OUT. It starts at F000:FFF0 with the base FFFF0000.
/// </summary>
internal interface IRomRunner
{
    /// <summary>The name in reports.</summary>
    string Name { get; }

    /// <summary>Runs <paramref name="rom"/> to its end, or until <paramref name="timeout"/> is over.</summary>
    /// <param name="rom">A multiple of 64 KiB.</param>
    /// <param name="model">The features the ROM needs.</param>
    /// <param name="timeout">How long to wait.</param>
    RomOutput Run(byte[] rom, CpuModel model, TimeSpan timeout);
}

/// <summary>The features a ROM may need.</summary>
internal enum CpuModel
{
    /// <summary>A Pentium III: PAE, PSE, PGE, no NX.</summary>
    PentiumIII,

    /// <summary>A processor with EFER.NXE besides.</summary>
    NoExecute,
}
