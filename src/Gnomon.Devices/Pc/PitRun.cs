namespace Gnomon.Devices;

/// <summary>
/// One load of an 8254's counting element, and what follows from it in each mode (Intel 82C54 data sheet, "Mode definitions").
/// What a counter holds is not stepped but computed from the ticks that have gone by since.
/// </summary>
/// <param name="Base">The tick of the load; in mode 3, of the start of the cycle.</param>
/// <param name="Count">What was loaded, at least 1.</param>
/// <param name="Struck">In mode 4: the strobe is over, though the gate has stopped the count at it.</param>
internal readonly record struct PitRun(long Base, int Count, bool Struck = false)
{
    /// <summary>The tick of what does not come.</summary>
    public const long Never = long.MaxValue;

    /// <summary>How long the output is high in a cycle of mode 3.</summary>
    public int HighHalf => (Count + 1) / 2;

    /// <summary>The output.</summary>
    /// <param name="mode">0 … 5.</param>
    /// <param name="elapsed">Ticks since <see cref="Base"/>.</param>
    public bool Output(int mode, long elapsed) => mode switch
    {
        0 or 1 => elapsed >= Count,
        2 => elapsed % Count != Count - 1,
        3 => elapsed % Count < HighHalf,
        _ => elapsed != Count || Struck,
    };

    /// <summary>What the counting element holds, before it is brought into its range.</summary>
    public long Value(int mode, long elapsed)
    {
        long phase = elapsed % Count;
        return mode switch
        {
            2 => Count - phase,

            // By twos, from an even number, twice a cycle.
            3 => (Count & ~1) - (2 * (phase < HighHalf ? phase : phase - HighHalf)),
            _ => Count - elapsed,
        };
    }

    /// <summary>The first tick after <paramref name="after"/> at which the output rises, or <see cref="Never"/>.</summary>
    public long Rise(int mode, long after)
    {
        if (mode is 2 or 3)
        {
            // With a count of 1, which is not allowed, the output stays as it is.
            return Count == 1 ? Never : Base + ((Math.Max(after - Base, 0) / Count) + 1) * Count;
        }

        long only = Base + Count + (mode >= 4 ? 1 : 0);
        return only > after && !Struck ? only : Never;
    }

    /// <summary>When a new count is loaded that is written during this run, in modes 2 and 3: at the end of the cycle or half cycle.</summary>
    /// <param name="mode">2 or 3.</param>
    /// <param name="now">The tick of the writing.</param>
    /// <param name="count">The new count.</param>
    /// <param name="at">The tick of the load.</param>
    public PitRun Successor(int mode, long now, int count, out long at)
    {
        long phase = (now - Base) % Count;
        if (mode == 3 && phase < HighHalf)
        {
            at = now - phase + HighHalf;
            PitRun low = new(at, count);
            return low with { Base = at - low.HighHalf };
        }

        at = now - phase + Count;
        return new PitRun(at, count);
    }
}
