using System.Text;

namespace Gnomon.Cpu.Rom.Tests.Comparing;

/// <summary>Writes docs/emulator-differences.md from the table of differences and what the emulators print now.</summary>
internal static class DifferencesDocument
{
    public const string Path = "docs/emulator-differences.md";

    public static string Write(IEnumerable<Difference> differences, IEnumerable<Correction> corrections, IReadOnlyDictionary<string, Comparison> comparisons)
    {
        StringBuilder text = new();
        text.Append("""
            # Where Bochs and QEMU differ

            The ROMs of `tests/Gnomon.Cpu.Rom.Tests` run under Bochs and QEMU. This is every line in which the two differ, and what the manual
            ("SDM": Intel 64 and IA-32 Architectures Software Developer's Manual) says. The test writes this document; it fails when a
            difference is missing here or is no more. `v` is the vector (40: the scenario ended without an exception), `e` the error code,
            `ip` the pushed EIP counted from the instruction the scenario is about, `fl` the pushed EFLAGS without RF.

            """.ReplaceLineEndings("\n"));
        foreach (IGrouping<string, Difference> rom in differences.GroupBy(one => one.Rom))
        {
            text.Append($"\n## {rom.Key}\n");
            foreach (Difference difference in rom)
            {
                string who = difference.Deviates switch
                {
                    Deviates.Bochs => "Bochs deviates.",
                    Deviates.Qemu => "QEMU deviates.",
                    _ => "Open.",
                };
                text.Append($"\n**{who}** {difference.Manual}\n\n```\n");
                foreach (string scenario in difference.Scenarios)
                {
                    Comparison comparison = comparisons[difference.Rom];
                    text.Append($"Bochs  {comparison.Bochs(scenario)}\nQEMU   {comparison.Qemu(scenario)}\n");
                }
                text.Append("```\n");
            }
        }
        Write(text, corrections, comparisons);
        return text.ToString();
    }

    private static void Write(StringBuilder text, IEnumerable<Correction> corrections, IReadOnlyDictionary<string, Comparison> comparisons)
    {
        text.Append("""

            # Where the manual says something else than both

            "Right" is the line that a processor of Gnomon's profile prints; where the manual leaves it open, the emulators' lines are right too.

            """.ReplaceLineEndings("\n"));
        foreach (IGrouping<string, Correction> rom in corrections.GroupBy(one => one.Rom))
        {
            text.Append($"\n## {rom.Key}, by the manual\n");
            foreach (Correction correction in rom)
            {
                string who = correction.Kind switch
                {
                    CorrectionKind.Deviation => "Both deviate.",
                    CorrectionKind.Feature => "Not in the profile.",
                    _ => "Open.",
                };
                text.Append($"\n**{who}** {correction.Manual}\n\n```\n");
                foreach (string scenario in correction.Scenarios)
                {
                    Comparison comparison = comparisons[correction.Rom];
                    string bochs = comparison.Bochs(scenario), qemu = comparison.Qemu(scenario);
                    text.Append($"Bochs  {bochs}\nQEMU   {qemu}\nRight  {correction.Apply(bochs)}\n");
                }
                text.Append("```\n");
            }
        }
    }
}
