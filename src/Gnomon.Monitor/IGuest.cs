using Gnomon.Cpu;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>A guest that runs, whichever monitor runs it.</summary>
/// <remarks>One thread runs a guest. Its lock (<see cref="GuestMemory.Gate"/> of <see cref="Memory"/>) is held while the host works for
/// it, and not while it runs. <see cref="RequestStop"/> may be used from any thread.</remarks>
public interface IGuest : IDisposable
{
    /// <summary>The processor that runs it. For who looks.</summary>
    Processor Processor { get; }

    /// <summary>The shadow tables; other ones after a restart. Null while the guest runs without any.</summary>
    IShadowMmu? Mmu { get; }

    /// <summary>The guest's memory; another one after a restart.</summary>
    GuestMemory Memory { get; }

    /// <summary>What was done so far.</summary>
    MonitorStatistics Statistics { get; }

    /// <summary>The machine's time, in nanoseconds.</summary>
    ulong Now { get; }

    /// <summary>How the guest has ended; null while it can run.</summary>
    GuestStop? End { get; }

    /// <summary>The last page faults, the oldest first.</summary>
    IReadOnlyList<PagingEvent> RecentFaults { get; }

    /// <summary>The guest's registers. Only between two runs.</summary>
    GuestRegisters Registers { get; }

    /// <summary>Makes <see cref="Run"/> come back soon, from any thread.</summary>
    void RequestStop();

    /// <summary>Runs the guest.</summary>
    /// <param name="instructions">How many instructions at most; few more may be run.</param>
    /// <returns>Why it came back. A guest that has ended comes back with its end again.</returns>
    GuestStop Run(ulong instructions);

    /// <summary>Starts the guest anew, with the same memory size and images, whatever state it is in.</summary>
    /// <exception cref="InsufficientMemoryException">The host has no frames left.</exception>
    void Restart();
}
