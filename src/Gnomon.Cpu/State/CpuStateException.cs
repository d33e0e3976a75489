namespace Gnomon.Cpu;

/// <summary>A saved state of a processor that cannot be loaded: no state, a damaged one, one of another version or for another profile.
/// The processor is as it was before.</summary>
/// <param name="message">One sentence.</param>
public sealed class CpuStateException(string message) : Exception(message);
