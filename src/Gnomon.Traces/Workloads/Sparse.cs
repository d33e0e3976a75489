namespace Gnomon.Traces.Workloads;

/// <summary>Pages far apart.</summary>
public sealed class Sparse : IWorkload
{
    private const int Pages = 128;

    /// <inheritdoc/>
    public string Name => "sparse";

    /// <inheritdoc/>
    public string Description => "128 pages, each under a leaf table of its own, with flushes: what tables and releases cost when little is mapped";

    /// <inheritdoc/>
    public (string Unit, int Default) Size => ("rounds", 8);

    /// <inheritdoc/>
    public bool MayBeKilled => false;

    /// <inheritdoc/>
    public void Run(GuestKernel kernel, int size)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        uint reach = kernel.Shape.LeafReach;
        GuestSpace space = kernel.NewSpace();
        for (uint i = 1; i <= Pages; i++)
        {
            kernel.MapQuietly(space, i * reach, GuestKernel.UserFlags);
        }

        kernel.Switch(space);
        foreach (int round in kernel.Rounds(size))
        {
            for (uint i = 1; i <= Pages; i++)
            {
                kernel.Touch(i * reach, write: kernel.Chance.OneIn(2));
            }

            kernel.Emit(round % 2 == 0 ? new TraceOperation.FlushUser() : new TraceOperation.ClearAll());
            kernel.Audit();
        }
    }
}
