using System.Diagnostics.CodeAnalysis;

namespace Gnomon.Shadow;

/// <summary>The one place where a guest is killed. The first reason stays.</summary>
internal sealed class GuestFate
{
    public string? Reason { get; private set; }

    /// <summary>Ends the guest: it never runs another instruction, and no operation goes on.</summary>
    [DoesNotReturn]
    public void Kill(string reason)
    {
        Reason ??= reason;
        throw new GuestKilledException(Reason);
    }

    /// <summary>Whether the guest is dead.</summary>
    public bool IsDead => Reason is not null;

    /// <summary>The guest is dead from the start: nothing was running that had to be stopped.</summary>
    public void Refuse(string reason) => Reason ??= reason;

    /// <summary>Its tables are gone: whoever still calls hears it.</summary>
    public void MarkDisposed() => Reason ??= "the guest's shadow tables were disposed";

    /// <summary>Refuses an operation on a guest that is dead already.</summary>
    public void ThrowIfDead()
    {
        if (Reason is not null)
        {
            throw new GuestKilledException(Reason);
        }
    }
}
