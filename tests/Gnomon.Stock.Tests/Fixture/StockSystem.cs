using System.Collections.Concurrent;
using Gnomon.Linux;

namespace Gnomon.Stock.Tests.Fixture;

/// <summary>Debian's kernels with busybox, read once for a test run; a test is skipped where they cannot be had.</summary>
internal static class StockSystem
{
    private static readonly ConcurrentDictionary<LinuxFlavour, LinuxSystem> _systems = new();

    public static LinuxSystem Of(LinuxFlavour flavour)
    {
        // First of all: it is this that skips.
        _ = DebianPackages.Fetch(flavour == LinuxFlavour.I686Pae ? PackageFetcher.PaeKernel : PackageFetcher.Kernel);
        return _systems.GetOrAdd(flavour, static which =>
            new LinuxSystem(DebianPackages.Kernel(which == LinuxFlavour.I686Pae), DebianPackages.Busybox()));
    }
}
