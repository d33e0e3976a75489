namespace Gnomon.Shadow;

/// <summary>The guest did what no guest may do, or the host could not go on with it. Thrown from one place; the guest never runs again.</summary>
public sealed class GuestKilledException : Exception
{
    /// <summary>A kill for a reason.</summary>
    /// <param name="reason">One sentence with the value in hex.</param>
    public GuestKilledException(string reason)
        : base(reason)
    {
    }
}
