using Gnomon.Cpu;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>An unmodified guest between its start and its end: what a restart throws away.</summary>
internal sealed class UnmodifiedSession : IDisposable
{
    private readonly Processor _processor;
    private readonly TranslatedMemory _physical;

    /// <summary>Loads the guest and puts its processor before the first instruction.</summary>
    public UnmodifiedSession(HostMemory host, Processor processor, TranslatedMemory physical, UnmodifiedOptions options, Action interruptChanged)
    {
        _processor = processor;
        _physical = physical;
        Memory = new GuestMemory(host, options.MemoryMiB << (20 - PageSize.Shift));
        try
        {
            PlatformSite site = new(Memory, new GuestClock(options.Clock, processor), Power, interruptChanged);
            Platform = options.Platform(site);
            Action<ProcessorRegisters> start = options.Load(Memory);
            processor.Reset();
            processor.WantsInterruptWindow = false;
            start(processor.Registers);
            Paging = new GuestPaging(Memory, processor, physical, options, Platform.Holes);
            Memory.HostStored = Stored;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public GuestMemory Memory { get; }

    public GuestPower Power { get; } = new();

    public GuestPlatform Platform { get; } = null!;

    public GuestPaging Paging { get; } = null!;

    /// <summary>Whether the processor waits for an interrupt.</summary>
    public bool IsHalted { get; set; }

    /// <summary>How the guest has ended; null while it goes on.</summary>
    public GuestStop? End { get; set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Memory.HostStored = null;
        Paging?.Dispose();
        Memory.Dispose();
    }

    // Stores by host and devices: code decoded from those bytes must go.
    private void Stored(Pfn frame, int offset, int length) => _processor.NotifyStore(_physical.AddressOf(frame) + offset, length);
}
