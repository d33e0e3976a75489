namespace Gnomon.Memory.Tests.Fixture;

/// <summary>Writes down what it is told, in order.</summary>
internal sealed class RecordingWatcher : IGuestMemoryWatcher
{
    public List<string> Heard { get; } = [];

    /// <summary>What it answers to <see cref="PrepareReclaim"/>.</summary>
    public bool LetsGo { get; set; } = true;

    /// <summary>Called with what is heard, before it is written down.</summary>
    public Action<string>? Hearing { get; set; }

    public void Stored(Gpa address, int length) => Hear($"stored {address} {length}");

    public void DropMappings(Gfn page) => Hear($"drop {page}");

    public bool PrepareReclaim(Gfn page)
    {
        Hear($"reclaim {page}");
        return LetsGo;
    }

    public void ProtectAll() => Hear("protect");

    private void Hear(string what)
    {
        Hearing?.Invoke(what);
        Heard.Add(what);
    }
}
