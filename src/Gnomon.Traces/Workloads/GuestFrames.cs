namespace Gnomon.Traces.Workloads;

/// <summary>The guest's free pages, and how often each used one is used (shared copy-on-write).</summary>
/// <param name="first">The first page that may be given out.</param>
/// <param name="end">One past the last.</param>
internal sealed class GuestFrames(uint first, uint end)
{
    private readonly Stack<uint> _free = new();
    private readonly Dictionary<uint, int> _uses = [];
    private uint _next = first;

    /// <summary>Pages that can still be taken.</summary>
    public int Free => _free.Count + (int)(end - _next);

    /// <summary>Takes a page.</summary>
    public uint Take()
    {
        if (!_free.TryPop(out uint frame))
        {
            if (_next == end)
            {
                throw new InvalidOperationException("The generated guest has no page left.");
            }

            frame = _next++;
        }

        _uses[frame] = 1;
        return frame;
    }

    /// <summary>How often a page is used.</summary>
    public int Uses(uint frame) => _uses.GetValueOrDefault(frame);

    /// <summary>Uses a page once more.</summary>
    public void Share(uint frame) => _uses[frame]++;

    /// <summary>Uses a page once less.</summary>
    public void Drop(uint frame)
    {
        if (--_uses[frame] == 0)
        {
            _uses.Remove(frame);
            _free.Push(frame);
        }
    }
}
