namespace Gnomon.Cpu.Rom.Tests.Comparing;

/// <summary>Why the lines of the emulators are not the last word.</summary>
internal enum CorrectionKind
{
    /// <summary>Both deviate from the manual.</summary>
    Deviation,

    /// <summary>Both have a feature that the processor under test does not announce.</summary>
    Feature,

    /// <summary>The manual leaves open more than the two do: the corrected line is right as well.</summary>
    Open,
}

/// <summary>Scenarios where the manual says something else than either emulator does.</summary>
/// <param name="Rom">The name of the ROM.</param>
/// <param name="Kind">Why.</param>
/// <param name="Manual">What the manual says, with volume and section.</param>
/// <param name="Fields">The fields of the line that are others, apart by blanks. One that the emulators do not print comes behind the one
/// before it in this list.</param>
/// <param name="Scenarios">The names of the scenarios.</param>
internal sealed record Correction(string Rom, CorrectionKind Kind, string Manual, string Fields, params string[] Scenarios)
{
    /// <summary>A line as it is right.</summary>
    /// <param name="line">That of an emulator.</param>
    public string Apply(string line)
    {
        List<string> parts = [.. line.Split(' ')];
        int behind = -1;
        foreach (string field in Fields.Split(' '))
        {
            int at = parts.FindIndex(part => KeyOf(part) == KeyOf(field));
            if (at >= 0)
            {
                parts[at] = field;
                behind = at;
            }
            else if (behind >= 0)
            {
                parts.Insert(++behind, field);
            }
            else
            {
                throw new InvalidOperationException($"{line} has no {KeyOf(field)}.");
            }
        }
        return string.Join(' ', parts);
    }

    private static string KeyOf(string part) => part.Split('=', 2)[0];
}
