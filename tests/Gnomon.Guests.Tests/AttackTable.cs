using System.Globalization;
using System.Text.RegularExpressions;

namespace Gnomon.Guests.Tests;

/// <summary>One line of guests/hostile/attacks.txt.</summary>
/// <param name="Name">The attack.</param>
/// <param name="Ends">What may come of it, each as the file says it.</param>
/// <param name="Sentence">Why.</param>
internal sealed record Attack(string Name, IReadOnlyList<string> Ends, string Sentence)
{
    /// <summary>Whether a guest that ended so has ended as it must.</summary>
    /// <param name="killed">The host killed it; <paramref name="text"/> is the reason.</param>
    /// <param name="halted">It sleeps for ever.</param>
    /// <param name="text">The reason, or its last words.</param>
    public bool Allows(bool killed, bool halted, string text) => Ends.Any(end =>
        end == "halts" ? halted
        : end.StartsWith("killed: ", StringComparison.Ordinal) ? killed && Regex.IsMatch(text, end["killed: ".Length..], RegexOptions.IgnoreCase)
        : !killed && !halted && text == string.Create(CultureInfo.InvariantCulture, $"hostile: {Name} {end}"));
}

/// <summary>guests/hostile/attacks.txt.</summary>
internal static class AttackTable
{
    /// <summary>All attacks, by name.</summary>
    public static IReadOnlyDictionary<string, Attack> All { get; } =
        File.ReadLines(Path.Combine(GuestImage.Root, "hostile", "attacks.txt"))
            .Where(line => line.Length > 0 && line[0] != '#')
            .Select(Parse)
            .ToDictionary(attack => attack.Name);

    // In a pattern, | is written \|, because | alone divides the columns.
    private static Attack Parse(string line)
    {
        string[] columns = Regex.Split(line, @"(?<!\\)\|");
        if (columns.Length != 3)
        {
            throw new FormatException($"Not name | end | why: {line}");
        }

        return new Attack(columns[0].Trim(), columns[1].Trim().Replace("\\|", "|", StringComparison.Ordinal).Split(" or "), columns[2].Trim());
    }
}
