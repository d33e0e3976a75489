using Gnomon.Memory;

namespace Gnomon.Shadow;

/// <summary>
/// The host's pages at the top of every paravirtual guest: one page of code, and per host CPU its read-only state (IDT, GDT, TSS).
/// Each virtual CPU has a register page of its own, which is shown as the first of the pair. Shared by guests of one host.
/// </summary>
public sealed class Switcher : IDisposable
{
    private readonly HostMemory _host;
    private readonly Pfn[] _state;

    /// <summary>Takes the frames.</summary>
    /// <param name="host">Where they come from.</param>
    /// <param name="hostCpus">Host CPUs, 1 … 255.</param>
    /// <exception cref="InsufficientMemoryException">The host has no frames left; nothing is taken.</exception>
    public Switcher(HostMemory host, int hostCpus)
    {
        if (hostCpus is < 1 or > MaxHostCpus)
        {
            throw new ArgumentOutOfRangeException(nameof(hostCpus), hostCpus, $"There are 1 to {MaxHostCpus} host CPUs.");
        }

        _host = host;
        _state = new Pfn[hostCpus];
        if (!host.TryAllocate(out Pfn code))
        {
            throw new InsufficientMemoryException("The host has no frame left for the Switcher's code.");
        }

        Code = code;
        for (int cpu = 0; cpu < hostCpus; cpu++)
        {
            if (!host.TryAllocate(out _state[cpu]))
            {
                Dispose();
                throw new InsufficientMemoryException($"The host has no frame left for the Switcher's state of host CPU {cpu}.");
            }
        }
    }

    /// <summary>The most host CPUs whose pairs fit behind the code page in PAE's one leaf table.</summary>
    public const int MaxHostCpus = 255;

    /// <summary>Host CPUs.</summary>
    public int HostCpus => _state.Length;

    /// <summary>The frame of the code, shown read-only and executable in every root; <see cref="Pfn.None"/> after disposal.</summary>
    public Pfn Code { get; private set; }

    /// <summary>The frame of a host CPU's state (IDT, GDT, TSS), shown read-only.</summary>
    /// <param name="hostCpu">0 … <see cref="HostCpus"/>-1.</param>
    public Pfn State(int hostCpu) => _state[hostCpu];

    /// <summary>Gives the frames back. Every guest that shows them must be disposed before.</summary>
    public void Dispose()
    {
        foreach (ref Pfn frame in _state.AsSpan())
        {
            Return(ref frame);
        }

        Pfn code = Code;
        Return(ref code);
        Code = code;
    }

    private void Return(ref Pfn frame)
    {
        if (frame != Pfn.None)
        {
            _host.DropSharedReference(frame);
            frame = Pfn.None;
        }
    }
}
