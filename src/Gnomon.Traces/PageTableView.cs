using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Traces;

/// <summary>Neighbouring pages that one line of a page-table view can tell: the guest pages follow each other, the rights are the same.</summary>
/// <param name="First">The first leaf.</param>
/// <param name="Pages">How many pages.</param>
public readonly record struct PageRun(ShadowLeaf First, uint Pages)
{
    /// <summary>The last address.</summary>
    public Gva Last => new((uint)(First.Address.Value + ((ulong)Pages * PageSize.Bytes) - 1));
}

/// <summary>How guest and shadow tables may differ on a page.</summary>
public enum PageDifference
{
    /// <summary>The guest maps it and the shadows do not: it was not used yet, or was dropped. The next access fills it.</summary>
    NotFilled,

    /// <summary>The shadows map what the guest does not: stale until the guest says so or flushes, as in a TLB.</summary>
    Stale,

    /// <summary>Both map it, to different pages.</summary>
    OtherPage,

    /// <summary>Both map the same page and the shadows allow less: the first write, or a watched table, comes as a fault.</summary>
    FewerRights,

    /// <summary>Both map the same page and the shadows allow more: stale until the guest says so or flushes.</summary>
    MoreRights,
}

/// <summary>Neighbouring pages on which guest and shadow tables differ in the same way.</summary>
/// <param name="Kind">How.</param>
/// <param name="Guest">The guest's first leaf; meaningless when <paramref name="Kind"/> is <see cref="PageDifference.Stale"/>.</param>
/// <param name="Shadow">The shadows' first leaf; meaningless when <paramref name="Kind"/> is <see cref="PageDifference.NotFilled"/>.</param>
/// <param name="Pages">How many pages.</param>
public readonly record struct DifferenceRun(PageDifference Kind, ShadowLeaf Guest, ShadowLeaf Shadow, uint Pages)
{
    /// <summary>The first address.</summary>
    public Gva Start => Kind == PageDifference.Stale ? Shadow.Address : Guest.Address;

    /// <summary>The last address.</summary>
    public Gva Last => new((uint)(Start.Value + ((ulong)Pages * PageSize.Bytes) - 1));
}

/// <summary>What a range of addresses looks like in the guest's tables, in the shadows, and between the two. Looking changes nothing:
/// no accessed or dirty bit, no cache, no counter.</summary>
/// <param name="mmu">The shadow tables.</param>
/// <param name="cpu">The virtual CPU whose tables are meant.</param>
/// <param name="first">The first address.</param>
/// <param name="last">The last address.</param>
public sealed class PageTableView(IShadowMmu mmu, int cpu, Gva first, Gva last)
{
    /// <summary>The guest's own tables.</summary>
    public IEnumerable<PageRun> Guest() => Coalesce(GuestLeaves());

    /// <summary>The shadow tables.</summary>
    public IEnumerable<PageRun> Shadow() => Coalesce(ShadowLeaves());

    /// <summary>Where the two differ. The Switcher's pages, which only the shadows have by design, are left out.</summary>
    public IEnumerable<DifferenceRun> Differences()
    {
        DifferenceRun? run = null;
        foreach (DifferenceRun next in PageDifferences())
        {
            if (run is DifferenceRun current && Continues(current, next))
            {
                run = current with { Pages = current.Pages + 1 };
                continue;
            }

            if (run is DifferenceRun done)
            {
                yield return done;
            }

            run = next;
        }

        if (run is DifferenceRun rest)
        {
            yield return rest;
        }
    }

    private static IEnumerable<PageRun> Coalesce(IEnumerable<ShadowLeaf> leaves)
    {
        PageRun? run = null;
        foreach (ShadowLeaf leaf in leaves)
        {
            if (run is PageRun current && Follows(current.First, current.Pages, leaf))
            {
                run = current with { Pages = current.Pages + 1 };
                continue;
            }

            if (run is PageRun done)
            {
                yield return done;
            }

            run = new PageRun(leaf, 1);
        }

        if (run is PageRun rest)
        {
            yield return rest;
        }
    }

    private static bool Follows(ShadowLeaf first, uint pages, ShadowLeaf next) =>
        next.Address.Value == first.Address.Value + ((ulong)pages * PageSize.Bytes)
        && next.IsSwitcher == first.IsSwitcher
        && (next.IsSwitcher || next.Page.Value == first.Page.Value + pages)
        && (next.Writable, next.Executable, next.User) == (first.Writable, first.Executable, first.User);

    private static bool Continues(DifferenceRun run, DifferenceRun next) => run.Kind == next.Kind
        && (run.Kind == PageDifference.Stale || Follows(run.Guest, run.Pages, next.Guest))
        && (run.Kind == PageDifference.NotFilled || Follows(run.Shadow, run.Pages, next.Shadow));

    private static PageDifference? Compare(ShadowLeaf guest, ShadowLeaf shadow)
    {
        if (guest.Page != shadow.Page)
        {
            return PageDifference.OtherPage;
        }

        bool more = (shadow.Writable && !guest.Writable) || (shadow.Executable && !guest.Executable) || (shadow.User && !guest.User);
        bool fewer = (guest.Writable && !shadow.Writable) || (guest.Executable && !shadow.Executable) || (guest.User && !shadow.User);
        return more ? PageDifference.MoreRights : fewer ? PageDifference.FewerRights : null;
    }

    private IEnumerable<ShadowLeaf> GuestLeaves() => mmu.GuestLeaves(cpu, first.Page, last).SkipWhile(leaf => leaf.Address.Value < first.Page.Value)
        .TakeWhile(leaf => leaf.Address.Value <= last.Value);

    private IEnumerable<ShadowLeaf> ShadowLeaves() => mmu.Leaves(cpu).SkipWhile(leaf => leaf.Address.Value < first.Page.Value)
        .TakeWhile(leaf => leaf.Address.Value <= last.Value);

    // The two ordered sequences, merged.
    private IEnumerable<DifferenceRun> PageDifferences()
    {
        using IEnumerator<ShadowLeaf> guest = GuestLeaves().GetEnumerator();
        using IEnumerator<ShadowLeaf> shadow = ShadowLeaves().Where(leaf => !leaf.IsSwitcher).GetEnumerator();
        bool inGuest = guest.MoveNext(), inShadow = shadow.MoveNext();
        while (inGuest || inShadow)
        {
            int order = !inGuest ? 1 : !inShadow ? -1 : guest.Current.Address.Value.CompareTo(shadow.Current.Address.Value);
            if (order < 0)
            {
                yield return new DifferenceRun(PageDifference.NotFilled, guest.Current, default, 1);
                inGuest = guest.MoveNext();
            }
            else if (order > 0)
            {
                yield return new DifferenceRun(PageDifference.Stale, default, shadow.Current, 1);
                inShadow = shadow.MoveNext();
            }
            else
            {
                if (Compare(guest.Current, shadow.Current) is PageDifference kind)
                {
                    yield return new DifferenceRun(kind, guest.Current, shadow.Current, 1);
                }

                inGuest = guest.MoveNext();
                inShadow = shadow.MoveNext();
            }
        }
    }
}
