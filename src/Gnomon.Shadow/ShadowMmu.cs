using Gnomon.Memory;

namespace Gnomon.Shadow;

/// <summary>Makes shadow page tables.</summary>
public static class ShadowMmu
{
    /// <summary>Makes the shadow tables of a fresh guest in two-level format, in linear mode, the Switcher mapped.</summary>
    /// <param name="memory">The guest's memory; it is watched from now on and must outlive the tables.</param>
    /// <param name="options">How they behave.</param>
    /// <param name="switcher">The Switcher's pages; null for an unmodified guest.</param>
    /// <exception cref="ArgumentException">An option is out of range or does not fit another.</exception>
    /// <exception cref="InsufficientMemoryException">The host has no frames left; nothing is kept.</exception>
    public static IShadowMmu CreateTwoLevel(GuestMemory memory, ShadowOptions options, Switcher? switcher) =>
        throw new NotSupportedException();

    /// <summary>As <see cref="CreateTwoLevel"/>, in PAE format.</summary>
    public static IShadowMmu CreatePae(GuestMemory memory, ShadowOptions options, Switcher? switcher) =>
        throw new NotSupportedException();
}
