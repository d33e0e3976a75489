using Gnomon.Memory;

namespace Gnomon.Shadow;

/// <summary>One present 4 KiB mapping with the rights of its whole path.</summary>
/// <param name="Address">The guest-virtual page.</param>
/// <param name="Page">The guest page behind it; meaningless for the Switcher's.</param>
/// <param name="Writable">Whether every level allows writing.</param>
/// <param name="Executable">Whether no level forbids fetching.</param>
/// <param name="User">Whether every level lets user code in.</param>
/// <param name="IsSwitcher">Whether it is a page of the Switcher.</param>
public readonly record struct ShadowLeaf(Gva Address, Gfn Page, bool Writable, bool Executable, bool User, bool IsSwitcher);
