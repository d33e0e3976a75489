namespace Gnomon.Cpu.Events;

/// <summary>An event whose delivery an exit has stopped. Nothing of it was done yet; the next run begins it again.</summary>
/// <param name="IsActive">Whether there is one.</param>
/// <param name="Vector">The vector.</param>
/// <param name="Code">The error code, where it has one.</param>
/// <param name="Kind">How it came about.</param>
internal readonly record struct PendingEvent(bool IsActive, byte Vector, uint Code, EventKind Kind);
