using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>The Switcher's pages of one host, with their code, shared by all its paravirtual guests; and which guest's state each
/// host CPU's page shows now.</summary>
public sealed class SwitcherHost : IDisposable
{
    private readonly HostMemory _host;
    private readonly (GuestDescriptors? Owner, int Version)[] _shown;

    /// <summary>Makes the pages.</summary>
    /// <param name="host">Where they come from.</param>
    /// <param name="hostCpus">Host CPUs, 1 … 255.</param>
    /// <exception cref="InsufficientMemoryException">The host has no frames left.</exception>
    public SwitcherHost(HostMemory host, int hostCpus = 1)
    {
        ArgumentNullException.ThrowIfNull(host);
        _host = host;
        Pages = new Switcher(host, hostCpus);
        _shown = new (GuestDescriptors?, int)[hostCpus];
        Image = SwitcherImage.Assemble();
        Image.Code.Span.CopyTo(host.Bytes(Pages.Code));
    }

    /// <summary>The pages.</summary>
    public Switcher Pages { get; }

    internal SwitcherImage Image { get; }

    /// <summary>Makes a host CPU's state page show a guest's descriptors.</summary>
    internal void Show(int hostCpu, GuestDescriptors descriptors, uint switcher)
    {
        if (_shown[hostCpu] != (descriptors, descriptors.Version))
        {
            _shown[hostCpu] = (descriptors, descriptors.Version);
            descriptors.WriteStatePage(_host.Bytes(Pages.State(hostCpu)), Image, switcher, hostCpu);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Pages.Dispose();
}
