namespace Gnomon.Cpu.Memory;

/// <summary>
/// What the instruction that is being run has already exchanged with ports and devices. Such an access ends the run with an exit;
/// when its value is known the instruction begins again, and finds it here. So an instruction changes nothing until it has everything,
/// and one with several such accesses needs no state of its own.
/// </summary>
internal sealed class AccessLog
{
    private ulong[] _values = new ulong[16];
    private int _count;
    private int _cursor;

    /// <summary>Whether the instruction is being repeated.</summary>
    public bool IsRepeating => _count > 0;

    /// <summary>All that it has exchanged, in order.</summary>
    public ReadOnlySpan<ulong> Values => _values.AsSpan(0, _count);

    /// <summary>The value of the instruction's next access, if it was exchanged already.</summary>
    public bool TryNext(out ulong value)
    {
        if (_cursor < _count)
        {
            value = _values[_cursor++];
            return true;
        }

        value = 0;
        return false;
    }

    /// <summary>An access is done: its value, or zero for a write.</summary>
    public void Add(ulong value)
    {
        if (_count == _values.Length)
        {
            Array.Resize(ref _values, _count * 2);
        }

        _values[_count++] = value;
    }

    /// <summary>The instruction begins again.</summary>
    public void Rewind() => _cursor = 0;

    /// <summary>The instruction, or one element of a string instruction, is done.</summary>
    public void Clear()
    {
        _count = 0;
        _cursor = 0;
    }

    /// <summary>How many of the bytes left one device access takes: 8, 4, 2 or 1.</summary>
    public static uint PartOf(uint left) => left >= 8 ? 8u : left >= 4 ? 4u : left >= 2 ? 2u : 1u;
}

/// <summary>An order to treat a linear page as a device for the instruction that is run next.</summary>
/// <param name="Page">The page's linear address.</param>
/// <param name="Physical">The physical address that its first byte stands for.</param>
/// <param name="Reads">Whether reads are redirected.</param>
/// <param name="Writes">Whether writes are redirected.</param>
/// <param name="Next">Another page that the same instruction touches, or null.</param>
public sealed record Redirection(uint Page, ulong Physical, bool Reads, bool Writes, Redirection? Next = null);
