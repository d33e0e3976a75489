using Gnomon.Memory;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon;

/// <summary>A machine's page tables, the guest's own and the shadows. Looking changes nothing: no accessed or dirty bit, no cache, no counter.
/// The guest stands still meanwhile. A guest that has no shadow tables has no leaves.</summary>
public sealed class MachinePageTables
{
    private readonly Machine _machine;

    internal MachinePageTables(Machine machine) => _machine = machine;

    /// <summary>The format's name, "two-level" or "pae"; empty for a guest without shadow tables.</summary>
    public string Format => _machine.Look(guest => guest.Mmu?.FormatName ?? "");

    /// <summary>Whether the guest has no tables yet: every address is its own guest-physical address.</summary>
    public bool IsLinear => _machine.Look(guest => guest.Mmu?.Cpu(0).IsLinear ?? true);

    /// <summary>The guest-physical address of the guest's top-level table.</summary>
    public Gpa Directory => _machine.Look(guest => guest.Mmu?.Cpu(0).Directory ?? default);

    /// <summary>The guest's own tables.</summary>
    /// <param name="first">The first address.</param>
    /// <param name="last">The last address.</param>
    public IReadOnlyList<PageRun> Guest(uint first = 0, uint last = uint.MaxValue) => List(first, last, view => view.Guest());

    /// <summary>The shadow tables.</summary>
    /// <param name="first">The first address.</param>
    /// <param name="last">The last address.</param>
    public IReadOnlyList<PageRun> Shadow(uint first = 0, uint last = uint.MaxValue) => List(first, last, view => view.Shadow());

    /// <summary>Where the two differ; the Switcher's pages are left out.</summary>
    /// <param name="first">The first address.</param>
    /// <param name="last">The last address.</param>
    public IReadOnlyList<DifferenceRun> Differences(uint first = 0, uint last = uint.MaxValue) => List(first, last, view => view.Differences());

    /// <summary>Translates an address through the guest's own tables, whatever its rights.</summary>
    /// <returns>Null where the guest maps nothing.</returns>
    public Gpa? Translate(Gva address) => _machine.Look<Gpa?>(guest =>
        guest.Mmu is null ? new Gpa(address.Value) : guest.Mmu.TryTranslateGuest(0, address, out Gpa translation) ? translation : null);

    /// <summary>Checks every invariant of the shadow tables from scratch.</summary>
    /// <returns>Null when all hold, else which is broken and where: an error of Gnomon.</returns>
    public string? Audit() => _machine.Look(guest => guest.Mmu?.Audit());

    private T[] List<T>(uint first, uint last, Func<PageTableView, IEnumerable<T>> read) =>
        _machine.Look(guest => guest.Mmu is { } mmu ? read(new PageTableView(mmu, 0, new Gva(first), new Gva(last))).ToArray() : []);
}
