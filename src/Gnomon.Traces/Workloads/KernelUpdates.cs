using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Traces.Workloads;

/// <summary>A kernel that maps and unmaps at its own addresses.</summary>
public sealed class KernelUpdates : IWorkload
{
    private const int Spaces = 16;
    private const int Window = 64;

    /// <inheritdoc/>
    public string Name => "kernel-updates";

    /// <inheritdoc/>
    public string Description => "the kernel maps, uses and unmaps pages at its own addresses while 16 address spaces take turns; each change is one write for all of them";

    /// <inheritdoc/>
    public (string Unit, int Default) Size => ("updates", 500);

    /// <inheritdoc/>
    public bool MayBeKilled => false;

    /// <inheritdoc/>
    public void Run(GuestKernel kernel, int size)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        List<GuestSpace> spaces = [];
        for (int i = 0; i < Spaces; i++)
        {
            spaces.Add(kernel.NewSpace());
        }

        uint[] frames = [.. Enumerable.Range(0, Window).Select(_ => kernel.Frames.Take())];
        foreach (int round in kernel.Rounds(size))
        {
            if (kernel.Chance.OneIn(8))
            {
                kernel.Switch(kernel.Chance.Pick(spaces));
            }

            uint address = GuestKernel.KernelArea + ((uint)kernel.Chance.Below(Window) << PageSize.Shift);
            ulong old = kernel.LeafOf(kernel.Swapper, address);
            if ((old & PageEntry.Present) != 0 && kernel.Chance.OneIn(3))
            {
                kernel.Map(kernel.Current, address, 0);
                continue;
            }

            kernel.Map(kernel.Current, address, ((ulong)kernel.Chance.Pick(frames) << PageSize.Shift) | GuestKernel.KernelFlags);
            kernel.TouchKernel(address, write: kernel.Chance.OneIn(2));
            if (round % 100 == 99)
            {
                kernel.Audit();
            }
        }
    }
}
