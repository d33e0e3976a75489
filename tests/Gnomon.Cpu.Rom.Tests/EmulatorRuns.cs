using Gnomon.Cpu.Rom.Tests.Comparing;
using Gnomon.Cpu.Rom.Tests.Running;
using Gnomon.Cpu.Rom.Tests.Scenarios;

namespace Gnomon.Cpu.Rom.Tests;

/// <summary>Runs every ROM once under each emulator, when first asked, for all tests.</summary>
public sealed class EmulatorRuns
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(60);
    private readonly Lazy<IReadOnlyDictionary<string, (RomOutput Bochs, RomOutput Qemu)>> _outputs = new(RunAll);

    /// <summary>What QEMU does with an image of <paramref name="family"/> of the caller's own.</summary>
    internal static RomOutput RunQemu(RomFamily family, byte[] image) => new QemuRunner(Oracle.Tool("qemu-system-i386")).Run(image, family.Model, Timeout);

    internal (RomOutput Bochs, RomOutput Qemu) this[string rom] => _outputs.Value[rom];

    internal Comparison Compare(string rom) => new(rom, this[rom].Bochs, this[rom].Qemu);

    private static Dictionary<string, (RomOutput Bochs, RomOutput Qemu)> RunAll()
    {
        BochsRunner bochs = new(Oracle.Tool("bochs"));
        QemuRunner qemu = new(Oracle.Tool("qemu-system-i386"));
        return RomFamily.All
            .AsParallel().WithDegreeOfParallelism(2)
            .Select(family => (family.Name, Image: family.Image(), family.Model))
            .Select(rom => (rom.Name, (bochs.Run(rom.Image, rom.Model, Timeout), qemu.Run(rom.Image, rom.Model, Timeout))))
            .ToDictionary(run => run.Name, run => run.Item2);
    }
}
