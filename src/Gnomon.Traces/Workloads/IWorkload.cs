namespace Gnomon.Traces.Workloads;

/// <summary>A kind of guest behaviour that can be generated as a trace.</summary>
public interface IWorkload
{
    /// <summary>The name on the command line.</summary>
    string Name { get; }

    /// <summary>What it does, and what it shows: one sentence.</summary>
    string Description { get; }

    /// <summary>What <c>size</c> counts, and its default.</summary>
    (string Unit, int Default) Size { get; }

    /// <summary>Whether the guest may be killed: it does what no guest may.</summary>
    bool MayBeKilled { get; }

    /// <summary>Lets the guest behave so.</summary>
    /// <param name="kernel">A guest that has just started.</param>
    /// <param name="size">How much of it.</param>
    void Run(GuestKernel kernel, int size);
}
