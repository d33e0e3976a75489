using System.Collections.Concurrent;
using Gnomon.Linux;
using Gnomon.Stock.Tests.Fixture;

namespace Gnomon.Stock.Tests.Workloads;

/// <summary>What the workload prints in QEMU, with the same kernel, RAM disk and command line; run once for a kernel.</summary>
internal static class QemuReference
{
    private static readonly ConcurrentDictionary<LinuxFlavour, Lazy<string[]>> _lines = new();

    public static string[] Lines(LinuxFlavour flavour, MachineOptions machine)
    {
        _ = Oracle.Tool("qemu-system-i386");
        return _lines.GetOrAdd(flavour, which => new Lazy<string[]>(() => Run(which, machine))).Value;
    }

    private static string[] Run(LinuxFlavour flavour, MachineOptions machine)
    {
        using TemporaryFolder folder = new();
        string console = QemuMachine.Run(
            [
                "-m", $"{machine.MemoryMiB}",
                "-kernel", folder.File("vmlinuz", StockSystem.Of(flavour).Kernel.Vmlinuz.Span),
                "-initrd", folder.File("initrd", machine.RamDisk.Span),
                "-append", machine.CommandLine,
            ],
            seconds: 600);
        Assert.Contains($"{LinuxInitramfs.StatusMarker}42\n", console, StringComparison.Ordinal);
        return Workload.Lines(console);
    }
}
