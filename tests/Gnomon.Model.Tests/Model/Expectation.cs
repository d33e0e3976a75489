namespace Gnomon.Model.Tests.Model;

/// <summary>What an operation may say.</summary>
public enum ModelResult
{
    /// <summary>Nothing to say.</summary>
    Ok,

    /// <summary>The page is mapped.</summary>
    Mapped,

    /// <summary>The guest's own fault; <see cref="Expectation.Value"/> is the error code.</summary>
    Fault,

    /// <summary>A device's matter; <see cref="Expectation.Value"/> is the address.</summary>
    Device,

    /// <summary>An address; <see cref="Expectation.Value"/>.</summary>
    Address,

    /// <summary>#GP(0).</summary>
    Refused,
}

/// <summary>Whether the guest is dead afterwards.</summary>
public enum ModelKill
{
    /// <summary>It must live.</summary>
    Never,

    /// <summary>Either is right.</summary>
    May,

    /// <summary>It must be dead.</summary>
    Must,
}

/// <summary>Bits that the host sets in a word of guest memory.</summary>
/// <param name="Address">Where.</param>
/// <param name="Bits">Which.</param>
/// <param name="Certain">False when they may as well stay clear.</param>
public readonly record struct ModelEffect(ulong Address, ulong Bits, bool Certain);

/// <summary>What the model allows an operation to do.</summary>
public sealed class Expectation
{
    /// <summary>What it says.</summary>
    public ModelResult Result { get; set; }

    /// <summary>The value that goes with it.</summary>
    public ulong Value { get; set; }

    /// <summary>Whether it kills.</summary>
    public ModelKill Kill { get; set; }

    /// <summary>Whether it may instead say that a watched page was stored to.</summary>
    public bool WatchedAllowed { get; set; }

    /// <summary>The contract does not say what comes of it.</summary>
    public bool AnyResult { get; set; }

    /// <summary>Accessed and dirty bits.</summary>
    public List<ModelEffect> Effects { get; } = [];

    /// <summary>The reason for a kill, for messages.</summary>
    public string Why { get; set; } = "";

    /// <summary>It must kill.</summary>
    public void MustKill(string why)
    {
        Kill = ModelKill.Must;
        Why = why;
    }

    /// <summary>It may kill.</summary>
    public void MayKill(string why)
    {
        if (Kill == ModelKill.Never)
        {
            Kill = ModelKill.May;
            Why = why;
        }
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"{(AnyResult ? "anything" : Result)} 0x{Value:x}{(WatchedAllowed ? " or watched" : "")}, kill: {Kill} {Why}";
}
