using Gnomon.Memory;

namespace Gnomon.Cpu.Memory;

/// <summary>
/// Physical memory that is the host's frames themselves: what a processor walks and uses under shadow tables. The tables are trusted;
/// a frame number is all there is to know.
/// </summary>
// SAFETY: a frame number is compared with the memory's limit before it becomes an address.
public sealed unsafe class HostFrames : PhysicalMemory
{
    private readonly HostMemory _host;

    /// <summary>The frames of a host.</summary>
    public HostFrames(HostMemory host) => _host = host;

    /// <summary>The first byte of a frame, as <see cref="Processor.NotifyStore"/> wants it.</summary>
    public nint AddressOf(Pfn frame) => (nint)_host.Address(frame);

    /// <inheritdoc/>
    public override PhysicalPage Find(ulong page, bool write) => page - 1 < (ulong)_host.FrameLimit
        ? PhysicalPage.Memory(_host.Address(new Pfn((uint)page)), _host.GenerationOf(new Pfn((uint)page)))
        : PhysicalPage.Device;
}
