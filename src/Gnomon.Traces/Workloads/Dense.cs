using Gnomon.Memory;

namespace Gnomon.Traces.Workloads;

/// <summary>Pages side by side.</summary>
public sealed class Dense : IWorkload
{
    private const int Pages = 2048;
    private const uint Base = 0x1000_0000;

    /// <inheritdoc/>
    public string Name => "dense";

    /// <inheritdoc/>
    public string Description => "2048 pages side by side, read, written, aged and flushed: what faults and prefault windows cost when much is mapped";

    /// <inheritdoc/>
    public (string Unit, int Default) Size => ("rounds", 2);

    /// <inheritdoc/>
    public bool MayBeKilled => false;

    /// <inheritdoc/>
    public void Run(GuestKernel kernel, int size)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        GuestSpace space = kernel.NewSpace();
        for (uint page = 0; page < Pages; page++)
        {
            kernel.MapQuietly(space, Base + (page << PageSize.Shift), GuestKernel.UserFlags);
        }

        kernel.Switch(space);
        foreach (int round in kernel.Rounds(size))
        {
            for (uint page = 0; page < Pages; page++)
            {
                kernel.Touch(Base + (page << PageSize.Shift), write: round % 2 == 1);
            }

            // The guest looks which pages are used: it clears A in some entries and flushes.
            for (uint page = 0; page < Pages; page += 8)
            {
                uint address = Base + (page << PageSize.Shift);
                kernel.WriteLeaf(space, address, kernel.LeafOf(space, address) & ~Gnomon.Paging.PageEntry.Accessed, announce: false);
            }

            kernel.Emit(new TraceOperation.FlushUser());
            kernel.Audit();
        }
    }
}
