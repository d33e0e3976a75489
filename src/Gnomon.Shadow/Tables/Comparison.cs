using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>
/// Resynchronising: a table's live entries are compared with the guest's, and only those that differ go. The compare is exact:
/// an accessed or dirty bit that the guest has cleared must be set again by the next access.
/// </summary>
// SAFETY: a guest table lies whole inside one guest page (its address is aligned to its size), so the pointer that Peek gives
// reaches all of it; shadow and remembered entries are whole frames.
internal sealed unsafe class Comparison<TFormat>(ShadowTables<TFormat> tables)
    where TFormat : struct, IPagingFormat
{
    private ulong _round;

    /// <summary>Begins a flush: no table is compared twice in one.</summary>
    public void BeginRound() => _round++;

    /// <summary>Compares a table that this flush has not compared yet, and what hangs below it up to an address.</summary>
    /// <param name="number">The table.</param>
    /// <param name="start">The address of its first entry.</param>
    /// <param name="limit">Entries at or past this address are left out (they are another half of the address space).</param>
    public void CompareTree(int number, ulong start, ulong limit)
    {
        ref ShadowTable table = ref tables.Table[number];
        if (table.Compared == _round || table.Is(TableFlags.Permanent))
        {
            return;
        }

        table.Compared = _round;
        Compare(number);
        int level = table.Key.Level;
        if (level == 1)
        {
            return;
        }

        for (ulong lines = table.Lines; lines != 0; lines &= lines - 1)
        {
            int first = ShadowTables<TFormat>.FirstIndexOf(lines);
            for (int index = first; index < first + ShadowTables<TFormat>.EntriesPerLine; index++)
            {
                ulong entry = ShadowTables<TFormat>.EntryOf(ref table, index);
                ulong address = start + ((ulong)index << Paging<TFormat>.ShiftOf(level));
                if (entry != 0 && address < limit && ShadowTables<TFormat>.RememberedOf(ref table, index) != 0)
                {
                    CompareTree(tables.ChildOf(entry), address, limit);
                }
            }
        }
    }

    /// <summary>Compares one table's own entries.</summary>
    public void Compare(int number)
    {
        ref ShadowTable table = ref tables.Table[number];
        TableKey key = table.Key;
        if (!key.HasGuestTable || (tables.HasPointerRegisters && key.Level == TFormat.Levels))
        {
            return;
        }

        tables.Statistics.Resyncs++;
        byte* guest = tables.Memory.Peek(new Gpa(key.Address));
        int live = table.Live;
        if (key.Level == TFormat.Levels && TFormat.TopEntries < Paging<TFormat>.TableEntries)
        {
            // PAE's pointer table is shorter than a line.
            CompareRange(number, guest, 0, TFormat.TopEntries);
        }
        else
        {
            for (ulong lines = table.Lines; lines != 0; lines &= lines - 1)
            {
                int line = BitOperations.TrailingZeroCount(lines);
                byte* remembered = table.Remembered + (line << 6);
                if (guest == null || !LineHolds(remembered, guest + (line << 6)))
                {
                    int first = line * ShadowTables<TFormat>.EntriesPerLine;
                    if (!CompareRange(number, guest, first, first + ShadowTables<TFormat>.EntriesPerLine))
                    {
                        table.Lines &= ~(1UL << line);
                    }
                }
            }
        }

        tables.Statistics.EntriesKept += table.Live;
        tables.Statistics.EntriesDropped += live - table.Live;
    }

    /// <summary>Compares one entry.</summary>
    /// <returns>Whether it is live and still true.</returns>
    public bool CompareEntry(int number, int index)
    {
        ref ShadowTable table = ref tables.Table[number];
        ulong remembered = ShadowTables<TFormat>.RememberedOf(ref table, index);
        if (remembered == 0 || !table.Key.HasGuestTable || (tables.HasPointerRegisters && table.Key.Level == TFormat.Levels))
        {
            return ShadowTables<TFormat>.EntryOf(ref table, index) != 0;
        }

        byte* guest = tables.Memory.Peek(new Gpa(table.Key.Address));
        if (guest != null && Entry<TFormat>.Read(guest + (index * TFormat.EntrySize)) == remembered)
        {
            tables.Statistics.EntriesKept++;
            return true;
        }

        tables.Drop(number, index);
        tables.Statistics.EntriesDropped++;
        return false;
    }

    // Whether every remembered entry of a line is zero or what the guest has now.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool LineHolds(byte* remembered, byte* guest)
    {
        if (TFormat.EntrySize == 4)
        {
            Vector256<uint> low = Vector256.Load((uint*)remembered), high = Vector256.Load((uint*)(remembered + 32));
            Vector256<uint> ok = Vector256.Equals(low, Vector256.Load((uint*)guest)) | Vector256.Equals(low, Vector256<uint>.Zero);
            ok &= Vector256.Equals(high, Vector256.Load((uint*)(guest + 32))) | Vector256.Equals(high, Vector256<uint>.Zero);
            return ok == Vector256<uint>.AllBitsSet;
        }
        else
        {
            Vector256<ulong> low = Vector256.Load((ulong*)remembered), high = Vector256.Load((ulong*)(remembered + 32));
            Vector256<ulong> ok = Vector256.Equals(low, Vector256.Load((ulong*)guest)) | Vector256.Equals(low, Vector256<ulong>.Zero);
            ok &= Vector256.Equals(high, Vector256.Load((ulong*)(guest + 32))) | Vector256.Equals(high, Vector256<ulong>.Zero);
            return ok == Vector256<ulong>.AllBitsSet;
        }
    }

    // Returns whether anything in the range is live afterwards.
    private bool CompareRange(int number, byte* guest, int first, int end)
    {
        ref ShadowTable table = ref tables.Table[number];
        bool any = false;
        for (int index = first; index < end; index++)
        {
            ulong remembered = ShadowTables<TFormat>.RememberedOf(ref table, index);
            if (remembered != 0 && (guest == null || Entry<TFormat>.Read(guest + (index * TFormat.EntrySize)) != remembered))
            {
                tables.Drop(number, index);
            }

            any |= ShadowTables<TFormat>.EntryOf(ref table, index) != 0;
        }

        return any;
    }
}
