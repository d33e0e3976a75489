using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>Options that do not fit are refused with one sentence, before anything is made.</summary>
internal static class OptionCheck
{
    // An instruction may touch this many leaf tables at once (itself, source, destination, each across a boundary, and a stack);
    // with fewer than that it could never finish.
    private const int LeafTablesOfOneInstruction = 8;

    /// <summary>The smallest budget with which every instruction can finish.</summary>
    public static int MinimumBudget(int levels, int cpus)
    {
        int lower = levels - 1;
        int perCpu = 2 + (lower * (1 + 2 + LeafTablesOfOneInstruction));
        return (cpus * perCpu) + levels;
    }

    /// <summary>Checks all options.</summary>
    /// <returns>The table budget.</returns>
    public static int Check<TFormat>(GuestMemory memory, ShadowOptions options, Switcher? switcher)
        where TFormat : struct, IPagingFormat
    {
        int minimum = MinimumBudget(TFormat.Levels, options.Cpus);
        int budget = options.TableBudget == 0 ? Math.Max(ShadowOptions.DefaultTableBudget, minimum) : options.TableBudget;
        Require(options.Cpus is >= 1 and <= ShadowOptions.MaxCpus, $"A guest has 1 to {ShadowOptions.MaxCpus} virtual CPUs, not {options.Cpus}.");
        Require(options.Slots >= options.Cpus, $"There are {options.Slots} slots for {options.Cpus} virtual CPUs: each needs one.");
        Require(options.Slots <= MaxSlots, $"There are at most {MaxSlots} slots, not {options.Slots}.");
        Require(options.Prefault is >= 1 and <= 1024, $"A fault fills 1 to 1024 entries, not {options.Prefault}.");
        Require(budget >= minimum, $"A budget of {budget} shadow tables is too small: {options.Cpus} virtual CPU(s) in {TFormat.Name} format need {minimum}.");
        Require(budget <= MaxBudget, $"A budget of {budget} shadow tables is too large: at most {MaxBudget}.");
        Require(options.Guest == GuestKind.Unmodified || switcher is not null, "A paravirtual guest needs the Switcher's pages.");
        Require(options.Guest == GuestKind.Paravirtual || switcher is null, "An unmodified guest has no Switcher.");
        if (options.SwitcherAddress is { } address)
        {
            uint reach = (uint)Paging<TFormat>.ReachOf(1);
            Require(address.Value != 0 && address.Value % reach == 0, $"The Switcher's address {address} is not a multiple of 0x{reach:x}.");
        }

        foreach (DeviceWindow window in options.Devices)
        {
            Require(window.Length > 0 && window.Start.Value + window.Length > window.Start.Value, $"The device window at {window.Start} of 0x{window.Length:x} bytes is empty or wraps around.");
        }

        Require(switcher is null || (2 * switcher.HostCpus) + 1 <= Paging<TFormat>.TableEntries, "The Switcher has more host CPUs than fit one leaf table.");
        Require(memory.PageCount > 0, "The guest has no memory.");
        return budget;
    }

    /// <summary>Covers the part of memory that a window touches.</summary>
    public static void Declare(GuestMemory memory, DeviceWindow window)
    {
        ulong first = window.Start.Page.Value;
        ulong last = new Gpa(window.Start.Value + window.Length - 1).Page.Value;
        if (first < memory.PageCount)
        {
            memory.Declare(new Gfn(first), (int)(Math.Min(last, memory.PageCount - 1) - first + 1), GuestPageState.Device);
        }
    }

    private const int MaxSlots = 4096;

    private const int MaxBudget = 1 << 20;

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new ArgumentException(otherwise);
        }
    }
}
