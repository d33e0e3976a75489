namespace Gnomon.Cpu;

/// <summary>What can be chosen when a processor is made.</summary>
public sealed record ProcessorOptions
{
    /// <summary>What CPUID says, and so what the processor has.</summary>
    public CpuProfile Profile { get; init; } = CpuProfile.Default;

    /// <summary>Where RDTSC takes the time from, in ticks of the time-stamp counter. Null: one tick for each instruction.</summary>
    public ITimeStampClock? Clock { get; init; }

    /// <summary>Bytes that decoded code may take, 1 MiB … 1 GiB.</summary>
    public int CodeCacheBytes { get; init; } = 32 << 20;
}

/// <summary>The clock behind the time-stamp counter.</summary>
public interface ITimeStampClock
{
    /// <summary>Ticks so far. Never goes back.</summary>
    /// <param name="instructions">Instructions completed by the processor that asks: all that a virtual clock needs.</param>
    ulong Read(ulong instructions);
}

/// <summary>Who knows which interrupt is next: an interrupt controller.</summary>
public interface IInterruptSource
{
    /// <summary>The processor takes the interrupt that its line announces.</summary>
    /// <returns>The vector, 0 … 255.</returns>
    byte Acknowledge();
}

/// <summary>The bits of <see cref="CpuState.Attention"/>.</summary>
internal static class AttentionBits
{
    /// <summary>The caller of Run wants it to return.</summary>
    public const int Asked = 1;

    /// <summary>An interrupt line has gone up.</summary>
    public const int Line = 2;
}
