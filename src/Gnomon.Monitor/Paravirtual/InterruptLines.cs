using Gnomon.Devices;

namespace Gnomon.Monitor;

/// <summary>The 32 interrupts of a paravirtual guest. Edges: one that is raised is delivered once. Any thread may raise.</summary>
public sealed class InterruptLines
{
    /// <summary>How many there are.</summary>
    public const int Count = 32;

    private int _waiting;
    private volatile bool _changed;

    internal InterruptLines()
    {
    }

    /// <summary>Called after an interrupt was raised, on the thread that did; for who waits for a halted guest.</summary>
    public event Action? Raised;

    /// <summary>Raises an interrupt.</summary>
    /// <param name="number">0 … 31.</param>
    public void Raise(int number)
    {
        Interlocked.Or(ref _waiting, Bit(number));
        _changed = true;
        Raised?.Invoke();
    }

    /// <summary>Takes an interrupt back that was not delivered yet.</summary>
    /// <param name="number">0 … 31.</param>
    public void Lower(int number)
    {
        Interlocked.And(ref _waiting, ~Bit(number));
        _changed = true;
    }

    /// <summary>An interrupt as a device's line: up raises it, down takes it back if it was not delivered yet.</summary>
    /// <param name="number">0 … 31.</param>
    public IInterruptLine Line(int number)
    {
        _ = Bit(number);
        return new InterruptLine(this, number);
    }

    /// <summary>Those that wait, one bit each.</summary>
    public uint Waiting => (uint)Volatile.Read(ref _waiting);

    /// <summary>Whether anything has changed since this was asked last.</summary>
    internal bool TakeChanged()
    {
        bool changed = _changed;
        _changed = false;
        return changed;
    }

    /// <summary>A guest that is started anew has none.</summary>
    internal void Clear()
    {
        Volatile.Write(ref _waiting, 0);
        _changed = false;
    }

    private sealed class InterruptLine(InterruptLines lines, int number) : IInterruptLine
    {
        public void Raise() => lines.Raise(number);

        public void Lower() => lines.Lower(number);
    }

    private static int Bit(int number) =>
        (uint)number < Count ? 1 << number : throw new ArgumentOutOfRangeException(nameof(number), number, $"There are interrupts 0 to {Count - 1}.");
}
