using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>Makes shadow page tables.</summary>
public static class ShadowMmu
{
    /// <summary>Makes the shadow tables of a fresh guest in two-level format, in linear mode, the Switcher mapped.</summary>
    /// <param name="memory">The guest's memory; it is watched from now on and must outlive the tables.</param>
    /// <param name="options">How they behave.</param>
    /// <param name="switcher">The Switcher's pages; null for an unmodified guest.</param>
    /// <remarks>A guest whose kernel address lies in the Switcher's range is made and is dead: see <see cref="IShadowMmu.KillReason"/>.</remarks>
    /// <exception cref="ArgumentException">An option is out of range or does not fit another.</exception>
    /// <exception cref="InsufficientMemoryException">The host has no frames left; nothing is kept.</exception>
    public static IShadowMmu CreateTwoLevel(GuestMemory memory, ShadowOptions options, Switcher? switcher) =>
        new ShadowMmu<TwoLevel>(memory, options, switcher);

    /// <summary>Makes the shadow tables of a fresh guest in PAE format.</summary>
    /// <inheritdoc cref="CreateTwoLevel"/>
    public static IShadowMmu CreatePae(GuestMemory memory, ShadowOptions options, Switcher? switcher) =>
        new ShadowMmu<Pae>(memory, options, switcher);

    /// <summary>The smallest table budget that <see cref="ShadowOptions.TableBudget"/> may ask for in a format.</summary>
    /// <param name="levels">The format's levels: 2, or 3 for PAE.</param>
    /// <param name="cpus">Virtual CPUs.</param>
    public static int MinimumTableBudget(int levels, int cpus) => OptionCheck.MinimumBudget(levels, cpus);
}
