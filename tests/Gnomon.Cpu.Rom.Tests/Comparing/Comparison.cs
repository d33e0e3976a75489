using System.Text;
using Gnomon.Cpu.Rom.Tests.Running;

namespace Gnomon.Cpu.Rom.Tests.Comparing;

/// <summary>The lines of one ROM under both emulators, side by side.</summary>
internal sealed class Comparison
{
    private readonly Dictionary<string, string> _bochs;
    private readonly Dictionary<string, string> _qemu;
    private readonly List<string> _order = [];

    public Comparison(string rom, RomOutput bochs, RomOutput qemu)
    {
        Rom = rom;
        _bochs = ByName(bochs.Lines);
        _qemu = ByName(qemu.Lines);
        _order.AddRange(bochs.Lines.Select(NameOf));
        _order.AddRange(qemu.Lines.Select(NameOf).Where(name => !_bochs.ContainsKey(name)));
    }

    public string Rom { get; }

    /// <summary>The names of the scenarios whose lines differ, in the order of the ROM.</summary>
    public IEnumerable<string> Differing => _order.Where(name => Bochs(name) != Qemu(name));

    /// <summary>The line of a scenario under Bochs; empty when it has none.</summary>
    public string Bochs(string scenario) => _bochs.GetValueOrDefault(scenario, "");

    /// <summary>The line of a scenario under QEMU; empty when it has none.</summary>
    public string Qemu(string scenario) => _qemu.GetValueOrDefault(scenario, "");

    /// <summary>The name of the scenario of a line: what is before the colon.</summary>
    public static string NameOf(string line) => line.Split(':', 2)[0];

    /// <summary>
    /// The lines a correct processor may print, in order: where both agree that one, else the one of the emulator that is right by
    /// <paramref name="differences"/>; both where the manual leaves it open. <paramref name="corrections"/> change them, or add to them.
    /// </summary>
    public string Expected(IEnumerable<Difference> differences, IEnumerable<Correction> corrections)
    {
        Dictionary<string, Deviates> table = differences.Where(one => one.Rom == Rom)
            .SelectMany(one => one.Scenarios.Select(scenario => (scenario, one.Deviates)))
            .ToDictionary(one => one.scenario, one => one.Deviates);
        Dictionary<string, Correction> corrected = corrections.Where(one => one.Rom == Rom)
            .SelectMany(one => one.Scenarios.Select(scenario => (scenario, one)))
            .ToDictionary(one => one.scenario, one => one.one);
        StringBuilder text = new();
        foreach (string name in _order)
        {
            IEnumerable<string> lines = Right(name, table.TryGetValue(name, out Deviates deviates) ? deviates : null);
            if (corrected.TryGetValue(name, out Correction? correction))
            {
                IEnumerable<string> others = lines.Select(correction.Apply);
                lines = correction.Kind == CorrectionKind.Open ? lines.Concat(others) : others;
            }
            text.AppendJoin("", lines.Distinct().Select(line => line + '\n'));
        }
        return text.ToString();
    }

    private IEnumerable<string> Right(string name, Deviates? deviates) => deviates switch
    {
        null or Deviates.Qemu => [Bochs(name)],
        Deviates.Bochs => [Qemu(name)],
        _ => [Bochs(name), Qemu(name)],
    };

    private static Dictionary<string, string> ByName(IEnumerable<string> lines)
    {
        Dictionary<string, string> byName = new(StringComparer.Ordinal);
        foreach (string line in lines)
        {
            if (!byName.TryAdd(NameOf(line), line))
            {
                throw new InvalidOperationException($"Two lines have the name {NameOf(line)}.");
            }
        }
        return byName;
    }
}
