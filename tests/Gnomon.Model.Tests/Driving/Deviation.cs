namespace Gnomon.Model.Tests.Driving;

/// <summary>The engine did what the model does not allow.</summary>
/// <param name="message">What was expected and what came.</param>
public sealed class DeviationException(string message) : Exception(message);

/// <summary>Where a scenario failed.</summary>
/// <param name="Step">The index of the step; the number of steps when it was at the end.</param>
/// <param name="Message">Why.</param>
public sealed record Deviation(int Step, string Message)
{
    /// <summary>The step did not end, and its thread still runs.</summary>
    public bool Hangs { get; init; }
}
