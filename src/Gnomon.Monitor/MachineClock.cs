using Gnomon.Cpu;
using Gnomon.Devices;

namespace Gnomon.Monitor;

/// <summary>A machine's time, in nanoseconds since its start, and the date that it was then. Never goes backwards.</summary>
public abstract class MachineClock
{
    /// <summary>What the guest is told of the time-stamp counter's speed: one tick a nanosecond.</summary>
    public const uint TscKhz = 1_000_000;

    /// <summary>The date and time at nanosecond 0.</summary>
    public abstract DateTimeOffset Start { get; }

    /// <summary>The time.</summary>
    /// <param name="instructions">Instructions that the machine's processor has completed.</param>
    public abstract ulong At(ulong instructions);

    /// <summary>How many instructions may run before one should look whether a time has come.</summary>
    /// <param name="instructions">Instructions completed.</param>
    /// <param name="deadline">The time, in nanoseconds; <see cref="ulong.MaxValue"/> for never.</param>
    /// <returns>0: it has come.</returns>
    public abstract ulong InstructionsUntil(ulong instructions, ulong deadline);

    /// <summary>The machine has nothing to do until a time: goes there at once, where the clock can.</summary>
    /// <param name="instructions">Instructions completed.</param>
    /// <param name="deadline">The time, in nanoseconds.</param>
    /// <returns>False for a real clock: whoever runs the machine must wait.</returns>
    public abstract bool TrySkipTo(ulong instructions, ulong deadline);
}

/// <summary>Time that passes with each instruction, and jumps when the machine waits: the same in every run.</summary>
/// <param name="nanosecondsPerInstruction">At least 1.</param>
/// <param name="start">The date and time at nanosecond 0; null for 2020-01-01.</param>
public sealed class VirtualClock(ulong nanosecondsPerInstruction = 10, DateTimeOffset? start = null) : MachineClock
{
    private readonly ulong _each = nanosecondsPerInstruction > 0 ? nanosecondsPerInstruction
        : throw new ArgumentOutOfRangeException(nameof(nanosecondsPerInstruction));

    private ulong _skipped;

    /// <inheritdoc/>
    public override DateTimeOffset Start { get; } = start ?? new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <inheritdoc/>
    public override ulong At(ulong instructions) => _skipped + (instructions * _each);

    /// <inheritdoc/>
    public override ulong InstructionsUntil(ulong instructions, ulong deadline)
    {
        ulong now = At(instructions);
        return deadline <= now ? 0 : ((deadline - now - 1) / _each) + 1;
    }

    /// <inheritdoc/>
    public override bool TrySkipTo(ulong instructions, ulong deadline)
    {
        ulong now = At(instructions);
        _skipped += deadline > now ? deadline - now : 0;
        return true;
    }
}

/// <summary>The host's time.</summary>
public sealed class RealClock : MachineClock
{
    // Some 0.2 ms: short enough for a timer, long enough to cost nothing.
    private const ulong Slice = 10_000;

    private readonly TimeProvider _provider;
    private readonly long _origin;

    /// <summary>Begins now.</summary>
    /// <param name="provider">The host's time.</param>
    public RealClock(TimeProvider provider)
    {
        ArgumentNullException.ThrowIfNull(provider);
        _provider = provider;
        _origin = provider.GetTimestamp();
        Start = provider.GetUtcNow();
    }

    /// <inheritdoc/>
    public override DateTimeOffset Start { get; }

    /// <inheritdoc/>
    public override ulong At(ulong instructions) =>
        (ulong)((Int128)(_provider.GetTimestamp() - _origin) * 1_000_000_000 / _provider.TimestampFrequency);

    /// <inheritdoc/>
    public override ulong InstructionsUntil(ulong instructions, ulong deadline) => deadline <= At(instructions) ? 0 : Slice;

    /// <inheritdoc/>
    public override bool TrySkipTo(ulong instructions, ulong deadline) => false;
}

/// <summary>A machine's clock as its devices see it.</summary>
internal sealed class GuestClock(MachineClock clock, Processor processor) : IDeviceClock
{
    public ulong Nanoseconds => clock.At(processor.Instructions);

    public DateTimeOffset WallClock => clock.Start.AddTicks((long)(Nanoseconds / 100));
}

/// <summary>The time-stamp counter of a processor under a machine's clock, at exactly <see cref="MachineClock.TscKhz"/>.</summary>
internal sealed class TimeStampClock(MachineClock clock) : ITimeStampClock
{
    public ulong Read(ulong instructions) => clock.At(instructions) * MachineClock.TscKhz / 1_000_000;
}
