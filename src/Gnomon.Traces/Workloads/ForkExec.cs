using Gnomon.Memory;

namespace Gnomon.Traces.Workloads;

/// <summary>A shell that starts programs.</summary>
public sealed class ForkExec : IWorkload
{
    private const uint Text = 0x0040_0000;
    private const uint Data = 0x0080_0000;
    private const uint Stack = 0xBFFF_E000;

    /// <inheritdoc/>
    public string Name => "fork-exec";

    /// <inheritdoc/>
    public string Description => "a shell forks with copy-on-write, the child executes another program, runs and ends";

    /// <inheritdoc/>
    public (string Unit, int Default) Size => ("programs", 20);

    /// <inheritdoc/>
    public bool MayBeKilled => false;

    /// <inheritdoc/>
    public void Run(GuestKernel kernel, int size)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        GuestSpace shell = kernel.NewSpace();
        kernel.Switch(shell);
        Work(kernel, textPages: 24, dataPages: 16);
        foreach (int round in kernel.Rounds(size))
        {
            GuestSpace child = kernel.Fork();
            kernel.Switch(child);

            // Between fork and exec the child writes a little: its stack, some data.
            kernel.Touch(Stack, write: true);
            kernel.Touch(Data, write: true);
            kernel.Empty(child);
            Work(kernel, textPages: 8 + kernel.Chance.Below(24), dataPages: 4 + kernel.Chance.Below(16));

            kernel.Switch(shell);
            kernel.Touch(Stack, write: true);
            kernel.Touch(Data + ((uint)kernel.Chance.Below(16) << PageSize.Shift), write: true);
            kernel.Destroy(child);
            if (round % 4 == 3)
            {
                kernel.Audit();
            }
        }
    }

    private static void Work(GuestKernel kernel, int textPages, int dataPages)
    {
        kernel.Touch(Stack, write: true);
        for (int i = 0; i < textPages; i++)
        {
            kernel.Touch(Text + ((uint)i << PageSize.Shift), write: false);
            if (i < dataPages)
            {
                kernel.Touch(Data + ((uint)i << PageSize.Shift), write: kernel.Chance.OneIn(2));
            }
        }
    }
}
