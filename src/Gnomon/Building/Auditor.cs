using Gnomon.Shadow;

namespace Gnomon;

/// <summary>Checks every invariant of the shadow tables before each so-manieth entry into the guest.</summary>
internal sealed class Auditor(IShadowMmu inner, int every) : ShadowObserver(inner)
{
    private long _entries;

    /// <inheritdoc/>
    /// <exception cref="AuditFailedException">One does not hold.</exception>
    public override void PrepareToRun(int cpu, int hostCpu)
    {
        base.PrepareToRun(cpu, hostCpu);
        if (++_entries % every == 0 && Inner.Audit() is { } broken)
        {
            throw new AuditFailedException(broken);
        }
    }
}

/// <summary>An invariant of the shadow tables does not hold.</summary>
internal sealed class AuditFailedException(string broken) : Exception(broken);
