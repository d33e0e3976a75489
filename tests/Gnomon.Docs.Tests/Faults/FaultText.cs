using Gnomon.Paging;

namespace Gnomon.Docs.Tests.Faults;

/// <summary>How the chapter writes entries, walks and instructions.</summary>
internal static class FaultText
{
    private static readonly (ulong Bit, string Name)[] _flags =
    [
        (PageEntry.Present, "P"), (PageEntry.Writable, "RW"), (PageEntry.User, "US"), (PageEntry.Accessed, "A"), (PageEntry.Dirty, "D"),
        (PageEntry.NoExecute, "NX"),
    ];

    /// <summary>The flags of an entry.</summary>
    public static string Flags(ulong entry) => (entry & PageEntry.Present) == 0 ? "not present"
        : string.Join(' ', _flags.Where(flag => (entry & flag.Bit) != 0).Select(flag => flag.Name));

    /// <summary>The guest's tables on the way to an address.</summary>
    public static IEnumerable<string> GuestWalk(FaultMachine machine, uint address)
    {
        ulong table = machine.Guest.Mmu.Cpu(0).Directory.Value;
        for (int level = machine.Shape.Levels; level > 0; level--)
        {
            int index = machine.Shape.IndexOf(address, level);
            ulong entry = machine.GuestEntry(table, index);
            yield return $"level {level}   table at gpa 0x{table:x6}   entry 0x{index:x3} at gpa 0x{table + (ulong)(index * machine.Shape.EntryBytes):x6}   0x{entry:x8}   {Flags(entry)}";
            if ((entry & PageEntry.Present) == 0)
            {
                yield break;
            }

            table = entry & PageEntry.AddressMask;
        }
    }

    /// <summary>The shadow tables on the way to an address, as the processor walks them.</summary>
    public static IEnumerable<string> ShadowWalk(FaultMachine machine, uint address)
    {
        ulong table = machine.Registers.Cr3;
        for (int level = machine.Shape.Levels; level > 0; level--)
        {
            int index = machine.Shape.IndexOf(address, level);
            ulong entry = machine.ShadowEntry(table, index);
            yield return $"level {level}   table at hpa 0x{table:x7}   entry 0x{index:x3}   0x{entry:x8}   {Flags(entry)}";
            if ((entry & PageEntry.Present) == 0)
            {
                yield break;
            }

            table = entry & PageEntry.AddressMask;
        }
    }

    /// <summary>The guest's leaf entry of an address.</summary>
    public static ulong GuestLeaf(FaultMachine machine, uint address)
    {
        ulong table = machine.Guest.Mmu.Cpu(0).Directory.Value;
        for (int level = machine.Shape.Levels; ; level--)
        {
            ulong entry = machine.GuestEntry(table, machine.Shape.IndexOf(address, level));
            if (level == 1 || (entry & PageEntry.Present) == 0)
            {
                return entry;
            }

            table = entry & PageEntry.AddressMask;
        }
    }

    /// <summary>The shadow leaf of an address.</summary>
    public static ulong ShadowLeaf(FaultMachine machine, uint address)
    {
        ulong table = machine.Registers.Cr3;
        for (int level = machine.Shape.Levels; ; level--)
        {
            ulong entry = machine.ShadowEntry(table, machine.Shape.IndexOf(address, level));
            if (level == 1 || (entry & PageEntry.Present) == 0)
            {
                return entry;
            }

            table = entry & PageEntry.AddressMask;
        }
    }

    /// <summary>An instruction with its address.</summary>
    public static string Instruction(FaultMachine machine, uint address)
    {
        (string bytes, string text) = machine.Instruction(address);
        return $"0x{address:x8}   {bytes,-21} {text}";
    }
}
