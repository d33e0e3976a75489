namespace Gnomon.Model.Tests.Model;

/// <summary>
/// Which values of an entry the shadows may still show although the guest's memory holds another: those that it had before a
/// store that nobody was told of. An entry is its address and the level at which it is read. Time is a counter; a flush makes
/// older values impossible for the addresses that it covers.
/// </summary>
public sealed class StaleEntries
{
    private readonly Dictionary<(ulong Address, int Level), List<(ulong Value, long Time)>> _old = [];
    private readonly Dictionary<(ViewKey View, bool Kernel), long> _halves = [];
    private readonly Dictionary<(ViewKey View, uint Page), long> _pages = [];
    private long _time;

    /// <summary>An entry may still be seen with this value.</summary>
    public void Remember(ulong address, int level, ulong value)
    {
        if (!_old.TryGetValue((address, level), out List<(ulong Value, long Time)>? values))
        {
            _old[(address, level)] = values = [];
        }

        values.Add((value, ++_time));
    }

    /// <summary>The guest has said what the entry is: no shadow of it holds anything else.</summary>
    public void Forget(ulong address, int level) => _old.Remove((address, level));

    /// <summary>Everything is true again.</summary>
    public void ForgetAll() => _old.Clear();

    /// <summary>Half of an address space is true again.</summary>
    public void FlushHalf(ViewKey view, bool kernel) => _halves[(view, kernel)] = ++_time;

    /// <summary>One page of an address space is true again.</summary>
    public void FlushPage(ViewKey view, uint address) => _pages[(view, address & ~0xFFFu)] = ++_time;

    /// <summary>The values besides the current one that a walk of this address may meet at this entry.</summary>
    public IEnumerable<ulong> Values(ulong entryAddress, int level, ViewKey view, uint address, bool kernel)
    {
        if (!_old.TryGetValue((entryAddress, level), out List<(ulong Value, long Time)>? values))
        {
            yield break;
        }

        long since = Math.Max(_halves.GetValueOrDefault((view, kernel)), _pages.GetValueOrDefault((view, address & ~0xFFFu)));
        foreach ((ulong value, long time) in values)
        {
            if (time > since)
            {
                yield return value;
            }
        }
    }
}
