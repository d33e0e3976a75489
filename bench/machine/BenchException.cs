namespace Gnomon.Bench.Machine;

/// <summary>A machine did not do its work; the message says which and what it said.</summary>
internal sealed class BenchException(string message) : Exception(message);
