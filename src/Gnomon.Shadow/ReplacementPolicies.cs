namespace Gnomon.Shadow;

/// <summary>What a policy may know of an occupied root slot.</summary>
public struct RootSlot
{
    /// <summary>When the address space was last switched to; larger is later.</summary>
    public ulong LastUse { get; internal set; }

    /// <summary>Set at each switch to the address space; a policy may clear it (clock).</summary>
    public bool Referenced { get; set; }

    /// <summary>Whether a virtual CPU is in it: such a root is never a victim.</summary>
    public bool InUse { get; internal set; }
}

/// <summary>Chooses which address space goes when all slots are taken. One object a guest: it may keep state.</summary>
public interface IReplacementPolicy
{
    /// <summary>Chooses a slot that is not in use.</summary>
    /// <param name="slots">All slots, every one occupied; at least one is not in use.</param>
    /// <returns>The index of the victim; an answer that is out of range or in use is replaced by the first slot that is not.</returns>
    int ChooseVictim(Span<RootSlot> slots);
}

/// <summary>The address space that was not switched to for the longest time.</summary>
public sealed class LruPolicy : IReplacementPolicy
{
    /// <inheritdoc/>
    public int ChooseVictim(Span<RootSlot> slots)
    {
        int victim = -1;
        for (int i = 0; i < slots.Length; i++)
        {
            if (!slots[i].InUse && (victim < 0 || slots[i].LastUse < slots[victim].LastUse))
            {
                victim = i;
            }
        }

        return victim;
    }
}

/// <summary>Second chance: a hand goes round, clears the mark of those switched to lately and takes the first without one.</summary>
public sealed class ClockPolicy : IReplacementPolicy
{
    private int _hand;

    /// <inheritdoc/>
    public int ChooseVictim(Span<RootSlot> slots)
    {
        // Two rounds: the first may clear every mark.
        for (int step = 0; step < 2 * slots.Length; step++)
        {
            int slot = _hand++ % slots.Length;
            _hand %= slots.Length;
            if (slots[slot].InUse)
            {
                continue;
            }

            if (!slots[slot].Referenced)
            {
                return slot;
            }

            slots[slot].Referenced = false;
        }

        return -1;
    }
}

/// <summary>Any address space that is not in use, as the original did; the seed makes it repeatable.</summary>
/// <param name="seed">The seed.</param>
public sealed class RandomPolicy(int seed) : IReplacementPolicy
{
    private readonly Random _random = new(seed);

    /// <summary>What it was made with.</summary>
    public int Seed { get; } = seed;

    /// <inheritdoc/>
    public int ChooseVictim(Span<RootSlot> slots)
    {
        int free = 0;
        foreach (ref readonly RootSlot slot in slots)
        {
            free += slot.InUse ? 0 : 1;
        }

        int chosen = free == 0 ? -1 : _random.Next(free);
        for (int i = 0; i < slots.Length; i++)
        {
            if (!slots[i].InUse && chosen-- == 0)
            {
                return i;
            }
        }

        return -1;
    }
}
