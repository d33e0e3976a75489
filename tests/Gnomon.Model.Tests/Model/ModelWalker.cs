namespace Gnomon.Model.Tests.Model;

/// <summary>Walks the guest's tables: straight from the manual, one entry after the other, no caches.</summary>
/// <param name="config">The guest.</param>
/// <param name="memory">Its memory.</param>
/// <param name="stale">Values that a shadow may still show.</param>
public sealed class ModelWalker(ModelConfig config, ModelMemory memory, StaleEntries stale)
{
    /// <summary>The walk of what the tables say now.</summary>
    public ModelWalk Walk(ModelCpu cpu, uint address)
    {
        if (cpu.Linear)
        {
            ModelWalk linear = new() { End = WalkEnd.Found, Page = address >> 12, User = config.Unmodified };
            linear.Steps.Add(new WalkStep(1, ModelWalk.Register, 0x63));
            return linear;
        }

        return Walk(cpu, cpu.Directory, address);
    }

    /// <summary>The walk of a directory that need not be loaded.</summary>
    public ModelWalk Walk(ModelCpu cpu, ulong directory, uint address)
    {
        ModelWalk walk = new();
        ulong table = directory & config.TopMask;
        for (int level = config.Levels; ; level--)
        {
            if (!TryRead(cpu, table, level, address, out WalkStep step))
            {
                walk.End = WalkEnd.Outside;
                return walk;
            }

            if (Take(cpu, walk, step, address))
            {
                return walk;
            }

            table = config.AddressOf(step.Entry);
        }
    }

    /// <summary>Every walk that a shadow may still show for this address, the current one included.</summary>
    public List<ModelWalk> Possible(ModelCpu cpu, uint address)
    {
        List<ModelWalk> found = [];
        if (cpu.Linear)
        {
            found.Add(Walk(cpu, address));
            return found;
        }

        Explore(cpu, new ModelWalk(), cpu.Directory, config.Levels, address, found);
        return found;
    }

    /// <summary>Whether nothing on the address's path may be stale.</summary>
    public bool IsExact(ModelCpu cpu, uint address) => cpu.Linear || Possible(cpu, address).Count == 1;

    /// <summary>Whether a table can be read.</summary>
    public bool InMemory(ulong table) => table >> 12 < config.Pages && !config.Holes.Contains((uint)(table >> 12));

    /// <summary>The reserved bits that are set in an entry.</summary>
    public ulong Reserved(ModelCpu cpu, ulong entry, int level)
    {
        bool large = IsLarge(cpu, entry, level);
        if (!config.Pae)
        {
            return large ? entry & 0x3F_E000 : 0;
        }

        ulong bits = 0x7FFF_FFF0_0000_0000;
        if (level == 3 || !cpu.NoExecute)
        {
            bits |= 1UL << 63;
        }

        return entry & (large ? bits | 0x1F_E000 : bits);
    }

    /// <summary>Whether an entry maps a large page.</summary>
    public bool IsLarge(ModelCpu cpu, ulong entry, int level) => level == 2 && (entry & 0x80) != 0 && (config.Pae || cpu.LargePages);

    private void Explore(ModelCpu cpu, ModelWalk sofar, ulong table, int level, uint address, List<ModelWalk> found)
    {
        if (!TryRead(cpu, table, level, address, out WalkStep step))
        {
            sofar.End = WalkEnd.Outside;
            found.Add(sofar);
            return;
        }

        HashSet<ulong> seen = [step.Entry];
        if (step.Address != ModelWalk.Register)
        {
            foreach (ulong old in stale.Values(step.Address, level, cpu.View, address, !config.Unmodified && address >= config.Kernel))
            {
                seen.Add(old);
            }
        }

        foreach (ulong entry in seen)
        {
            ModelWalk walk = Copy(sofar);
            if (Take(cpu, walk, step with { Entry = entry }, address))
            {
                found.Add(walk);
            }
            else
            {
                Explore(cpu, walk, config.AddressOf(entry), level - 1, address, found);
            }
        }
    }

    private static ModelWalk Copy(ModelWalk walk)
    {
        ModelWalk copy = new() { Writable = walk.Writable, User = walk.User, Executable = walk.Executable, UpperAccessed = walk.UpperAccessed };
        copy.Steps.AddRange(walk.Steps);
        return copy;
    }

    private bool TryRead(ModelCpu cpu, ulong table, int level, uint address, out WalkStep step)
    {
        if (level == 3 && cpu.Pointers is not null && table == cpu.Directory)
        {
            step = new WalkStep(level, ModelWalk.Register, cpu.Pointers[address >> 30]);
            return true;
        }

        ulong place = table + (config.IndexOf(address, level) * (uint)config.EntrySize);
        if (!InMemory(table))
        {
            // For an unmodified guest there is nothing on the bus there: it reads as zero.
            step = new WalkStep(level, ModelWalk.Register, 0);
            return config.Unmodified;
        }

        step = new WalkStep(level, place, memory.Read(place, config.EntrySize));
        return true;
    }

    // One entry more on the path. True when the walk ends here.
    private bool Take(ModelCpu cpu, ModelWalk walk, WalkStep step, uint address)
    {
        walk.Steps.Add(step);
        ulong entry = step.Entry;
        if ((entry & 1) == 0)
        {
            walk.End = WalkEnd.NotPresent;
            return true;
        }

        if (Reserved(cpu, entry, step.Level) != 0)
        {
            walk.End = WalkEnd.Reserved;
            return true;
        }

        if (step.Level < 3)
        {
            walk.Writable &= (entry & 2) != 0;
            walk.User &= (entry & 4) != 0;
        }

        walk.Executable &= !config.Pae || !cpu.NoExecute || entry >> 63 == 0;
        walk.Large = IsLarge(cpu, entry, step.Level);
        if (step.Level > 1 && !walk.Large)
        {
            walk.UpperAccessed &= step.Level == 3 || (entry & 0x20) != 0;
            return false;
        }

        ulong inside = walk.Large ? (config.Pae ? 0x1FFUL : 0x3FFUL) : 0;
        walk.Page = ((config.AddressOf(entry) >> 12) & ~inside) | ((address >> 12) & inside);
        walk.End = WalkEnd.Found;
        return true;
    }
}
