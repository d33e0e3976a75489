namespace Gnomon.Devices;

/// <summary>Where a guest's random bytes come from.</summary>
public interface IEntropySource
{
    /// <summary>Fills the span.</summary>
    void Fill(Span<byte> bytes);
}
