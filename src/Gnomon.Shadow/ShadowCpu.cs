using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>What the shadow tables know of one virtual CPU.</summary>
public sealed class ShadowCpu
{
    internal ShadowCpu(int number, PagingControls controls)
    {
        Mailbox = new TranslationMailbox(() => CacheChanged?.Invoke());
        Number = number;
        Controls = controls;
    }

    /// <summary>The number, from 0.</summary>
    public int Number { get; }

    /// <summary>Where invalidations for this virtual CPU's TLB arrive. May be used without the guest's lock.</summary>
    public TranslationMailbox Mailbox { get; }

    /// <summary>Whether the guest has no tables yet on this virtual CPU: every address is its own guest-physical address.</summary>
    public bool IsLinear { get; internal set; } = true;

    /// <summary>What its control registers say.</summary>
    public PagingControls Controls
    {
        get;
        internal set
        {
            field = value;
            Role = TableKey.Role(value);
        }
    }

    /// <summary>The guest-physical address of the top-level table that it last loaded; zero in linear mode.</summary>
    public Gpa Directory { get; internal set; }

    /// <summary>The frame of its shadow root: what the real CR3 must hold while it runs. May change with every operation on it.</summary>
    public Pfn Root { get; internal set; }

    /// <summary>The host CPU whose Switcher pages it sees; -1 for none.</summary>
    public int HostCpu { get; internal set; } = -1;

    /// <summary>Who wants to know when someone begins or ceases to keep translations.</summary>
    internal Action? CacheChanged { get; set; }

    internal int RootTable { get; set; }

    /// <summary>The role of the tables that it walks.</summary>
    internal TableKey Role { get; private set; }

    /// <summary>The role of the root that it loaded last: with the same controls, the next one's too.</summary>
    internal TableKey RootRole { get; set; }

    /// <summary>The frame of its register page, which the Switcher shows (paravirtual guests); <see cref="Pfn.None"/> for none.</summary>
    public Pfn RegisterPage { get; internal set; }

    /// <summary>Unmodified PAE guests: the four top entries, taken at a load (Intel SDM vol. 3, 4.4.1).</summary>
    internal ulong[] Pointers { get; } = new ulong[4];

    internal Gva StackTop { get; set; }

    internal int StackPages { get; set; }

    // Where its one or two stack pages are pinned: the leaf table, and the guest page plus one.
    internal int StackTable0 { get; set; }

    internal int StackTable1 { get; set; }

    internal uint StackPage0 { get; set; }

    internal uint StackPage1 { get; set; }
}
