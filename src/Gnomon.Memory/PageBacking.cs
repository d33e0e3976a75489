namespace Gnomon.Memory;

/// <summary>
/// What stands behind the pages of one guest: frames come, are shared and copied, go to a store and come back. Each function moves
/// one page from one state to another and keeps the counts; which page may move is <see cref="GuestMemory"/>'s matter.
/// </summary>
internal sealed class PageBacking(HostMemory host)
{
    public int PagesBacked { get; private set; }

    public int PagesStored { get; private set; }

    public long SharingBreaks { get; private set; }

    /// <summary>Puts a frame behind a page that has none: zero-filled, or with what the store has.</summary>
    public PageStatus Back(ref GuestPage state, IPageStore? store)
    {
        if (!host.TryAllocate(out Pfn frame))
        {
            return PageStatus.OutOfMemory;
        }

        if ((state.State & GuestPageState.Stored) != 0)
        {
            if (store is null || !store.TryLoad(state.Backing, host.Bytes(frame)))
            {
                host.DropReference(frame);
                return PageStatus.StoreFailed;
            }

            store.Free(state.Backing);
            PagesStored--;
        }

        state.Backing = frame.Value;
        state.State = (state.State & ~GuestPageState.Stored) | GuestPageState.Present;
        PagesBacked++;
        return PageStatus.Ok;
    }

    /// <summary>Makes the frame behind a page this guest's alone, by copying it unless the others have gone meanwhile.</summary>
    /// <returns>False when the host has no frame for the copy.</returns>
    public bool TryBreakSharing(Gfn page, ref GuestPage state, IGuestMemoryWatcher? watcher)
    {
        Pfn shared = new(state.Backing);
        if (!host.IsAlone(shared))
        {
            if (!host.TryAllocate(out Pfn copy))
            {
                return false;
            }

            host.Bytes(shared).CopyTo(host.Bytes(copy));
            watcher?.DropMappings(page);
            state.Backing = copy.Value;
            SharingBreaks++;
            host.DropSharer(shared);
        }

        state.State &= ~GuestPageState.Shared;
        return true;
    }

    /// <summary>Takes the frame behind a present page that nothing maps; the content goes to the store, unless it is all zero.</summary>
    public PageStatus TakeBack(ref GuestPage state, IPageStore? store)
    {
        Pfn frame = new(state.Backing);
        ReadOnlySpan<byte> content = host.Bytes(frame);
        uint slot = 0;
        bool zero = !content.ContainsAnyExcept((byte)0);
        if (!zero && (store is null || !store.TryStore(content, out slot)))
        {
            return PageStatus.StoreFailed;
        }

        GiveFrameBack(ref state);
        state.Backing = slot;
        if (!zero)
        {
            state.State |= GuestPageState.Stored;
            PagesStored++;
        }

        return PageStatus.Ok;
    }

    /// <summary>Another guest's page gets the same frame, copy-on-write on both sides. This backing is the other guest's.</summary>
    public void ShareInto(ref GuestPage from, ref GuestPage to)
    {
        if ((from.State & GuestPageState.Present) != 0)
        {
            from.State |= GuestPageState.Shared;
            host.AddSharer(new Pfn(from.Backing));
            to.Backing = from.Backing;
            PagesBacked++;
        }

        to.State = from.State & ~GuestPageState.Watched;
    }

    /// <summary>The page ends: its frame or its place in the store is given back.</summary>
    public void GiveUp(ref GuestPage state, IPageStore? store)
    {
        if ((state.State & GuestPageState.Present) != 0)
        {
            GiveFrameBack(ref state);
        }
        else if ((state.State & GuestPageState.Stored) != 0)
        {
            store?.Free(state.Backing);
            PagesStored--;
        }
    }

    private void GiveFrameBack(ref GuestPage state)
    {
        Pfn frame = new(state.Backing);
        bool shared = (state.State & GuestPageState.Shared) != 0;
        state.State &= ~(GuestPageState.Present | GuestPageState.Shared);
        PagesBacked--;
        if (shared)
        {
            host.DropSharer(frame);
        }
        else
        {
            host.DropReference(frame);
        }
    }
}
