namespace Gnomon.Devices;

/// <summary>
/// An oscillator: how often it has ticked by a moment of the machine's clock, and when a tick comes. Both are exact, so that no
/// sum of rounding errors makes a clock drift. Tick n comes at the first nanosecond by which n whole periods have passed.
/// </summary>
/// <param name="hertz">Ticks a second, 1 … 10^9.</param>
internal readonly struct TickRate(uint hertz)
{
    private const ulong Second = 1_000_000_000;

    /// <summary>Whole ticks by a moment.</summary>
    /// <param name="nanoseconds">The moment.</param>
    public ulong Ticks(ulong nanoseconds)
    {
        // Whole seconds apart, so that the product of the rest fits into 64 bits.
        (ulong seconds, ulong rest) = Math.DivRem(nanoseconds, Second);
        return (seconds * hertz) + (rest * hertz / Second);
    }

    /// <summary>The first moment by which so many ticks have come; the end of time when that is later than 2^64 ns.</summary>
    /// <param name="ticks">The number of ticks.</param>
    public ulong Moment(ulong ticks)
    {
        (ulong seconds, ulong rest) = Math.DivRem(ticks, hertz);
        return seconds >= ulong.MaxValue / Second
            ? ulong.MaxValue
            : (seconds * Second) + (((rest * Second) + hertz - 1) / hertz);
    }
}
