namespace Gnomon.Cpu.Rom.Tests.Running;

/// <summary>QEMU with its translator (never KVM).</summary>
internal sealed class QemuRunner(string program) : ProcessRunner(program)
{
    // What isa-debug-exit makes of a zero.
    private const int ExitByPort = 1;

    public override string Name => "QEMU";

    protected override IEnumerable<string> Arguments(string directory, CpuModel model) =>
    [
        "-M", "pc", "-accel", "tcg", "-m", "16", "-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-no-reboot",
        "-cpu", model == CpuModel.PentiumIII ? "pentium3" : "coreduo,+nx",
        "-bios", "rom.bin",
        "-chardev", "file,id=text,path=text", "-device", "isa-debugcon,iobase=0xe9,chardev=text",
        "-chardev", "file,id=post,path=post", "-device", "isa-debugcon,iobase=0x190,chardev=post",
        "-device", "isa-debug-exit,iobase=0xf4,iosize=1",
    ];

    protected override RomOutput Read(string directory, string output, string errors, int? exitCode)
    {
        string text = Path.Combine(directory, "text"), post = Path.Combine(directory, "post");
        if (!File.Exists(text) || !File.Exists(post))
        {
            throw new InvalidOperationException($"QEMU did not run: {errors}");
        }
        RomEnd end = exitCode switch { null => RomEnd.TimedOut, ExitByPort => RomEnd.Halted, _ => RomEnd.Shutdown };
        return new RomOutput(File.ReadAllText(text), File.ReadAllBytes(post), end);
    }
}
