using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>(iv) Switching: a virtual CPU goes from one address space to another, or back to none.</summary>
// SAFETY: table numbers come from the pool and from the root cache; indices are below the four pointers' number.
internal sealed unsafe class AddressSpaces<TFormat>(
    ShadowTables<TFormat> tables,
    GuestTables<TFormat> guest,
    RootCache<TFormat> roots,
    Reclaimer<TFormat> reclaimer)
    where TFormat : struct, IPagingFormat
{
    /// <summary>The guest has no tables on this virtual CPU: each address is its own.</summary>
    public void EnterLinear(ShadowCpu cpu)
    {
        roots.Leave(cpu);
        cpu.IsLinear = true;
        cpu.Directory = default;
        TableKey key = roots.LinearKeyOf(cpu);
        int root = tables.Find(key);
        if (root == 0)
        {
            reclaimer.Reserve(1);
            root = roots.Acquire(key);
        }

        roots.Enter(cpu, root);
    }

    /// <summary>Goes into the root for a top-level table, made now if it is not known.</summary>
    /// <returns>Whether it was known.</returns>
    public bool Switch(ShadowCpu cpu, Gpa directory)
    {
        TableKey key = roots.KeyOf(cpu, directory);
        bool lazy = tables.Options.Coherence == Coherence.Lazy;
        int root = tables.Find(key);
        if (root != 0 && root == cpu.RootTable && !lazy && !tables.HasPointerRegisters)
        {
            tables.Statistics.LoadsKnown++;
            roots.Touch(root);
            return true;
        }

        bool known = root != 0;
        if (known)
        {
            tables.Table[root].InUse++;
            roots.Leave(cpu);
            tables.Table[root].InUse--;
            tables.Statistics.LoadsKnown++;
        }
        else
        {
            roots.Leave(cpu);
            reclaimer.Reserve(1);
            root = roots.Acquire(key);
        }

        cpu.IsLinear = false;
        cpu.Directory = directory;
        roots.Enter(cpu, root);
        if (tables.HasPointerRegisters)
        {
            SyncPointers(cpu);
        }

        if (lazy)
        {
            tables.Watch.Resume();
        }

        if (!known)
        {
            tables.Watch.FinishBegun();
        }

        return known;
    }

    /// <summary>Takes the four top entries into registers, as an unmodified PAE guest's load of CR3 does.</summary>
    /// <returns>False where one has a reserved bit: the load is refused, nothing has changed.</returns>
    public bool TryLoadPointers(ShadowCpu cpu, Gpa directory)
    {
        Span<ulong> pointers = stackalloc ulong[4];
        for (int index = 0; index < pointers.Length; index++)
        {
            pointers[index] = guest.Read(directory.Value, index);
            if ((pointers[index] & PageEntry.Present) != 0 && (pointers[index] & Pae.PointerReserved) != 0)
            {
                return false;
            }
        }

        pointers.CopyTo(cpu.Pointers);
        return true;
    }

    private void SyncPointers(ShadowCpu cpu)
    {
        for (int index = 0; index < cpu.Pointers.Length; index++)
        {
            if (ShadowTables<TFormat>.RememberedOf(ref tables.Table[cpu.RootTable], index) != cpu.Pointers[index])
            {
                tables.Unlink(cpu.RootTable, index);
            }
        }
    }
}
