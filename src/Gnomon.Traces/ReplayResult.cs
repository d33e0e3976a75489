namespace Gnomon.Traces;

/// <summary>What an operation of a trace came to.</summary>
/// <param name="Line">The operation's line.</param>
/// <param name="Text">The result, as the trace format prints it.</param>
/// <param name="Details">Lines that follow it, not indented yet.</param>
/// <param name="Broken">The invariant that an audit, asked for by the trace or by <see cref="ReplayOptions.AuditEvery"/>, found broken; or null.</param>
public readonly record struct ReplayResult(long Line, string Text, IReadOnlyList<string> Details, string? Broken);
