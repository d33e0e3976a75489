namespace Gnomon.Model.Tests.Model;

/// <summary>What a virtual CPU's registers say.</summary>
public sealed class ModelCpu
{
    /// <summary>No tables yet.</summary>
    public bool Linear { get; set; } = true;

    /// <summary>CR3 without the bits that it ignores.</summary>
    public ulong Directory { get; set; }

    /// <summary>CR0.WP.</summary>
    public bool WriteProtect { get; set; } = true;

    /// <summary>CR4.PSE.</summary>
    public bool LargePages { get; set; } = true;

    /// <summary>EFER.NXE.</summary>
    public bool NoExecute { get; set; } = true;

    /// <summary>The four pointers of an unmodified PAE guest, read at the load.</summary>
    public ulong[]? Pointers { get; set; }

    /// <summary>The kernel's stack.</summary>
    public uint StackTop { get; set; }

    /// <summary>Its pages, 0 … 2.</summary>
    public int StackPages { get; set; }

    /// <summary>The host CPU whose pair is shown; -1 for none.</summary>
    public int HostCpu { get; set; } = -1;

    /// <summary>Names the address space: what a flush of it makes true again.</summary>
    public ViewKey View => new(Directory, WriteProtect, LargePages, NoExecute);

    /// <summary>The stack's pages.</summary>
    public IEnumerable<uint> StackAddresses()
    {
        for (int i = 0; i < StackPages; i++)
        {
            yield return (StackTop - 1 - ((uint)i * 4096)) & ~0xFFFu;
        }
    }
}

/// <summary>An address space as the shadows may cache it: the directory and what the control registers say.</summary>
public readonly record struct ViewKey(ulong Directory, bool WriteProtect, bool LargePages, bool NoExecute);
