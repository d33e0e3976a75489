using System.Globalization;
using System.Text.RegularExpressions;

namespace Gnomon.Cpu.Rom.Tests.Running;

/// <summary>
/// Bochs as Debian builds it: with the internal debugger, so a command file says "continue", and a display by the network, which nobody
/// watches (it needs no other package).
/// </summary>
internal sealed partial class BochsRunner(string program) : ProcessRunner(program)
{
    public override string Name => "Bochs";

    protected override IEnumerable<string> Arguments(string directory, CpuModel model)
    {
        File.WriteAllLines(Path.Combine(directory, "bochsrc"),
        [
            "config_interface: textconfig",
            "display_library: rfb, options=\"timeout=0\"",
            $"cpu: model={(model == CpuModel.PentiumIII ? "p3_katmai" : "p4_prescott_celeron_336")}, count=1, ips=50000000, reset_on_triple_fault=0",
            "megs: 16",
            "romimage: file=rom.bin",
            "boot: disk",
            "log: log",
            "panic: action=fatal",
            "error: action=ignore",
            "info: action=report",
            "debug: action=ignore, unmapped=report",
            "port_e9_hack: enabled=1",
            "clock: sync=none, time0=0",
            "plugin_ctrl: unmapped=1, biosdev=0, speaker=0, parallel=0, serial=0, gameport=0, iodebug=0, extfpuirq=0",
            "sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy",
            "pci: enabled=0",
        ]);
        File.WriteAllLines(Path.Combine(directory, "commands"), ["continue", "quit"]);
        return ["-q", "-f", "bochsrc", "-rc", "commands"];
    }

    protected override RomOutput Read(string directory, string output, string errors, int? exitCode)
    {
        string path = Path.Combine(directory, "log");
        string log = File.Exists(path) ? File.ReadAllText(path) : "";
        if (!log.Contains("CPU0", StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"Bochs did not run: {errors}");
        }
        byte[] post = [.. PostCode().Matches(log).Select(match => byte.Parse(match.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];
        RomEnd end = exitCode is null ? RomEnd.TimedOut
            : log.Contains("Shutdown port: shutdown requested", StringComparison.Ordinal) ? RomEnd.Halted
            : log.Contains("exception with no resolution", StringComparison.Ordinal) ? RomEnd.Shutdown
            : throw new InvalidOperationException($"Bochs ended for another reason: {log}");
        // The text follows what the debugger says to its first prompt, and comes before what it says of the last instruction.
        Match text = Text().Match(output);
        return new RomOutput(text.Success ? text.Value : "", post, end);
    }

    [GeneratedRegex("unmapped: 8-bit write to 0190 = ([0-9a-f]{2})", RegexOptions.IgnoreCase)]
    private static partial Regex PostCode();

    [GeneratedRegex(@"^rom .*?(?=^\(0\)\.\[|\z)", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Text();
}
