namespace Gnomon.Devices;

/// <summary>What a machine gives each of its devices.</summary>
/// <param name="Memory">Guest memory, for DMA.</param>
/// <param name="Scheduler">The clock, and what is to be done later.</param>
/// <param name="Listener">Hears of failures of the host and of broken rules.</param>
public sealed record DeviceEnvironment(DeviceMemory Memory, DeviceScheduler Scheduler, IDeviceListener Listener);
