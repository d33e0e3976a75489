using Gnomon.Memory;

namespace Gnomon.Traces.Workloads;

/// <summary>Many processes in turn.</summary>
public sealed class AddressSpaces : IWorkload
{
    private const int Spaces = 8;
    private const int Pages = 64;
    private const uint Base = 0x0804_8000;

    /// <inheritdoc/>
    public string Name => "address-spaces";

    /// <inheritdoc/>
    public string Description => "8 address spaces of 64 pages in turn, every page touched each time; shows what the root cache and its policy are worth";

    /// <inheritdoc/>
    public (string Unit, int Default) Size => ("rounds", 10);

    /// <inheritdoc/>
    public bool MayBeKilled => false;

    /// <inheritdoc/>
    public void Run(GuestKernel kernel, int size)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        List<GuestSpace> spaces = [];
        for (int i = 0; i < Spaces; i++)
        {
            GuestSpace space = kernel.NewSpace();
            for (uint page = 0; page < Pages; page++)
            {
                kernel.MapQuietly(space, Base + (page << PageSize.Shift), page % 3 == 0 ? GuestKernel.UserReadOnly : GuestKernel.UserFlags);
            }

            spaces.Add(space);
        }

        foreach (int round in kernel.Rounds(size))
        {
            foreach (GuestSpace space in spaces)
            {
                kernel.Switch(space);
                for (uint page = 0; page < Pages; page++)
                {
                    kernel.Touch(Base + (page << PageSize.Shift), write: page % 3 == 1);
                }
            }

            if (round % 4 == 3)
            {
                kernel.Audit();
            }
        }
    }
}
