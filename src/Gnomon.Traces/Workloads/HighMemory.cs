using Gnomon.Memory;

namespace Gnomon.Traces.Workloads;

/// <summary>A kernel with more memory than it can map at once.</summary>
public sealed class HighMemory : IWorkload
{
    private const int Spaces = 4;
    private const int Windows = 3;
    private const int PagesInWindow = 32;
    private const uint Base = 0xE000_0000;
    private const uint UserBase = 0x0804_8000;

    /// <inheritdoc/>
    public string Name => "highmem";

    /// <inheritdoc/>
    public string Description => "the kernel changes whole tables of its mappings (upper entries), as with high memory; the original threw everything away each time";

    /// <inheritdoc/>
    public (string Unit, int Default) Size => ("changes", 100);

    /// <inheritdoc/>
    public bool MayBeKilled => false;

    /// <inheritdoc/>
    public void Run(GuestKernel kernel, int size)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        List<GuestSpace> spaces = [kernel.Swapper];
        ulong[] tables = [.. Enumerable.Range(0, Windows).Select(_ => Table(kernel))];
        LinkEverywhere(kernel, spaces, tables[0]);
        for (int i = 0; i < Spaces; i++)
        {
            spaces.Add(kernel.NewSpace());
        }

        foreach (int round in kernel.Rounds(size))
        {
            kernel.Switch(spaces[1 + (round % Spaces)]);
            kernel.Touch(UserBase + ((uint)kernel.Chance.Below(16) << PageSize.Shift), write: true);
            LinkEverywhere(kernel, spaces, kernel.Chance.Pick(tables));
            for (int i = 0; i < 4; i++)
            {
                kernel.TouchKernel(Base + ((uint)kernel.Chance.Below(PagesInWindow) << PageSize.Shift), write: i % 2 == 0);
            }

            if (round % 16 == 15)
            {
                kernel.Audit();
            }
        }
    }

    private static ulong Table(GuestKernel kernel)
    {
        ulong table = kernel.Tables.NewTable();
        for (int i = 0; i < PagesInWindow; i++)
        {
            kernel.Tables.Write(
                table + (ulong)(i * kernel.Shape.EntryBytes),
                ((ulong)kernel.Frames.Take() << PageSize.Shift) | GuestKernel.KernelFlags);
        }

        return table;
    }

    // PAE: address spaces share the directory, one entry changes. Two-level: each has its own upper entry.
    private static void LinkEverywhere(GuestKernel kernel, List<GuestSpace> spaces, ulong table)
    {
        if (kernel.Shape.Levels > 2)
        {
            kernel.Tables.Link(kernel.Swapper.Directory, Base, 2, table, announce: true);
            return;
        }

        foreach (GuestSpace space in spaces)
        {
            kernel.Tables.Link(space.Directory, Base, 2, table, announce: true);
        }
    }
}
