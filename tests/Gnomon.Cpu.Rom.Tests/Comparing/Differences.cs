namespace Gnomon.Cpu.Rom.Tests.Comparing;

/// <summary>The known differences between Bochs 2.7 and QEMU 7.2, each decided by the manual.</summary>
internal static class Differences
{
    /// <summary>All of them; a scenario is in one of them only.</summary>
    public static IReadOnlyList<Difference> All { get; } = [.. SystemDifferences.All, .. PagingDifferences.All];
}
