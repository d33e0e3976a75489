namespace Gnomon.Cpu.Rom.Tests.Comparing;

/// <summary>Who does what the manual does not say.</summary>
internal enum Deviates
{
    /// <summary>QEMU is right.</summary>
    Bochs,

    /// <summary>Bochs is right.</summary>
    Qemu,

    /// <summary>The manual leaves it open: both are right.</summary>
    Neither,
}

/// <summary>Scenarios whose lines differ for one reason.</summary>
/// <param name="Rom">The name of the ROM.</param>
/// <param name="Deviates">Who is wrong.</param>
/// <param name="Manual">What the manual says, with volume and section.</param>
/// <param name="Scenarios">The names of the scenarios.</param>
internal sealed record Difference(string Rom, Deviates Deviates, string Manual, params string[] Scenarios);
