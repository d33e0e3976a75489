using System.Runtime.CompilerServices;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>Reading the guest's own tables: what they say now, and what becomes of an address that is not there.</summary>
// SAFETY: Peek's pointer reaches the addressed entry: entries are aligned to their size, so none crosses a page.
internal sealed unsafe class GuestTables<TFormat>(ShadowTables<TFormat> tables, Reclaimer<TFormat> reclaimer)
    where TFormat : struct, IPagingFormat
{
    /// <summary>Reads one entry; brings the page back from the store if it lies there. A table outside guest memory kills a
    /// paravirtual guest and reads as zero for an unmodified one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Read(ulong table, int index)
    {
        Gpa place = new(table + (ulong)(index * TFormat.EntrySize));
        byte* entry = tables.Memory.Peek(place);
        return entry != null ? Entry<TFormat>.Read(entry) : ReadSlowly(place);
    }

    /// <summary>The entry of a level, wherever that virtual CPU has it: unmodified PAE guests have the top ones in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Read(ShadowCpu cpu, ulong table, int level, int index) =>
        level == TFormat.Levels && tables.HasPointerRegisters ? cpu.Pointers[index] : Read(table, index);

    /// <summary>(translation for the host) Where an address leads in the guest's own tables, rights left aside; kills where it leads nowhere.</summary>
    public Gpa Translate(ShadowCpu cpu, Gva address)
    {
        if (cpu.IsLinear)
        {
            return new Gpa(address.Value);
        }

        ulong table = cpu.Directory.Value;
        for (int level = TFormat.Levels; ; level--)
        {
            ulong entry = Read(cpu, table, level, Paging<TFormat>.IndexOf(address.Value, level));
            if ((entry & PageEntry.Present) == 0 || (entry & TFormat.ReservedBits(entry, level, cpu.Controls)) != 0)
            {
                tables.Fate.Kill($"the address {address} is not mapped by the guest's page tables");
            }

            if (level == 1 || TFormat.IsLarge(entry, level, cpu.Controls))
            {
                return new Gpa(PageAddress(entry, level, address.Value) | address.PageOffset);
            }

            table = entry & TFormat.AddressMask;
        }
    }

    /// <summary>What a walk would find, for debuggers and error codes: nothing is killed, brought or marked.</summary>
    /// <returns>The error-code bits that the walk itself raises: 0 not present, P present, P and reserved.</returns>
    public PageFaultCode Probe(ShadowCpu cpu, Gva address, out ulong leaf, out int leafLevel)
    {
        leaf = 0;
        leafLevel = 0;
        ulong table = cpu.Directory.Value;
        for (int level = TFormat.Levels; ; level--)
        {
            int index = Paging<TFormat>.IndexOf(address.Value, level);
            ulong entry = level == TFormat.Levels && tables.HasPointerRegisters ? cpu.Pointers[index] : Look(table, index);
            if ((entry & PageEntry.Present) == 0)
            {
                return PageFaultCode.None;
            }

            if ((entry & TFormat.ReservedBits(entry, level, cpu.Controls)) != 0)
            {
                return PageFaultCode.Present | PageFaultCode.Reserved;
            }

            if (level == 1 || TFormat.IsLarge(entry, level, cpu.Controls))
            {
                leaf = entry;
                leafLevel = level;
                return PageFaultCode.Present;
            }

            table = entry & TFormat.AddressMask;
        }
    }

    /// <summary>Reads one entry without bringing anything; zero where nothing can be read.</summary>
    public ulong Look(ulong table, int index)
    {
        Gpa place = new(table + (ulong)(index * TFormat.EntrySize));
        byte* entry = tables.Memory.Peek(place);
        if (entry != null)
        {
            return Entry<TFormat>.Read(entry);
        }

        if (!tables.Memory.Contains(place.Page))
        {
            return 0;
        }

        Span<byte> page = stackalloc byte[PageSize.Bytes];
        return tables.Memory.TryLookAtStored(place.Page, page)
            ? TFormat.EntrySize == 4
                ? BitConverter.ToUInt32(page[(int)place.PageOffset..])
                : BitConverter.ToUInt64(page[(int)place.PageOffset..])
            : 0;
    }

    /// <summary>The 4 KiB page that a leaf maps for an address, inside a large page too.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong PageAddress(ulong entry, int level, uint address)
    {
        ulong inside = (1UL << Paging<TFormat>.ShiftOf(level)) - 1;
        return (entry & TFormat.AddressMask & ~inside) | (address & inside & ~(ulong)PageSize.OffsetMask);
    }

    /// <summary>Whether a table's address lies in guest memory; kills a paravirtual guest otherwise.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Check(Gpa table) => tables.Memory.Contains(table.Page) || Refuse(table);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Refuse(Gpa table)
    {
        if (tables.HasSwitcher)
        {
            KillOutside(table);
        }

        return false;
    }

    private ulong ReadSlowly(Gpa place)
    {
        if (!Check(place))
        {
            return 0;
        }

        GuestPageState state = tables.Memory.Page(place.Page).Flags;
        if ((state & GuestPageState.Hole) != 0)
        {
            if (tables.HasSwitcher)
            {
                tables.Fate.Kill($"the page table at {place} lies where there is no memory");
            }

            return 0;
        }

        if ((state & GuestPageState.Stored) == 0)
        {
            return 0;
        }

        while (true)
        {
            switch (tables.Memory.Bring(place.Page, write: false, out _))
            {
                case PageStatus.Ok:
                    return Entry<TFormat>.Read(tables.Memory.Peek(place));
                case PageStatus.OutOfMemory when reclaimer.TryMakeRoom():
                    break;
                case PageStatus.OutOfMemory:
                    tables.Fate.Kill($"host memory is exhausted: no frame to read the page table at {place} back into");
                    break;
                default:
                    tables.Fate.Kill($"the page table at {place} cannot be read back from the page store");
                    break;
            }
        }
    }

    private void KillOutside(Gpa table) =>
        tables.Fate.Kill($"the page table at {table} lies outside guest memory, which ends at 0x{(ulong)tables.Memory.PageCount << PageSize.Shift:x}");
}
