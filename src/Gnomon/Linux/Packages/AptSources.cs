using System.Text;

namespace Gnomon.Linux;

/// <summary>Makes a list of package sources for i386 from the host's own: the same archives and the same keys, of the release that the
/// host runs, without what belongs to other vendors.</summary>
internal static class AptSources
{
    private static readonly string[] _suiteNames = ["stable", "oldstable", "oldoldstable", "testing", "unstable", "sid"];

    /// <summary>Reads the host's lists.</summary>
    /// <param name="folder">Apt's folder: /etc/apt.</param>
    /// <param name="codename">The release that the host runs, as "bookworm".</param>
    /// <returns>A list in the form of sources.list(5), "DEB822-STYLE FORMAT"; empty when there is no source of that release.</returns>
    public static string Derive(string folder, string codename)
    {
        StringBuilder text = new();
        string main = Path.Combine(folder, "sources.list");
        string parts = Path.Combine(folder, "sources.list.d");
        IEnumerable<string> files = File.Exists(main) ? [main] : [];
        if (Directory.Exists(parts))
        {
            files = files.Concat(Directory.EnumerateFiles(parts).Order(StringComparer.Ordinal));
        }

        foreach (string file in files)
        {
            switch (Path.GetExtension(file))
            {
                case ".list":
                    FromLines(text, File.ReadAllLines(file), codename);
                    break;
                case ".sources":
                    FromStanzas(text, File.ReadAllLines(file), codename);
                    break;
            }
        }

        return text.ToString();
    }

    // "deb [option=value ...] uri suite component ..."
    private static void FromLines(StringBuilder text, string[] lines, string codename)
    {
        foreach (string line in lines)
        {
            string rest = line.Split('#')[0].Trim();
            if (!rest.StartsWith("deb ", StringComparison.Ordinal) && !rest.StartsWith("deb\t", StringComparison.Ordinal))
            {
                continue;
            }

            rest = rest[4..].Trim();
            string? key = null;
            int close = rest.IndexOf(']', StringComparison.Ordinal);
            if (rest.StartsWith('[') && close > 0)
            {
                key = rest[1..close].Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)
                    .FirstOrDefault(option => option.StartsWith("signed-by=", StringComparison.OrdinalIgnoreCase))?["signed-by=".Length..]
                    .Replace(',', ' ');
                rest = rest[(close + 1)..].Trim();
            }

            string[] words = rest.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries);
            if (words.Length >= 3)
            {
                Append(text, words[0], [words[1]], words[2..], key is null ? [] : [$"Signed-By: {key}"], codename);
            }
        }
    }

    // Fields "Name: value" with further lines that begin with a space; an empty line between stanzas; lines with # are remarks.
    private static void FromStanzas(StringBuilder text, string[] lines, string codename)
    {
        Dictionary<string, List<string>> fields = new(StringComparer.OrdinalIgnoreCase);
        List<string>? last = null;
        foreach (string line in (IEnumerable<string>)[.. lines, ""])
        {
            if (line.StartsWith('#'))
            {
                continue;
            }

            if (line.Trim().Length == 0)
            {
                FromStanza(text, fields, codename);
                fields.Clear();
                last = null;
            }
            else if (char.IsWhiteSpace(line[0]))
            {
                last?.Add(line);
            }
            else if (line.IndexOf(':', StringComparison.Ordinal) is > 0 and int colon)
            {
                last = fields[line[..colon].Trim()] = [line[(colon + 1)..].Trim()];
            }
        }
    }

    private static void FromStanza(StringBuilder text, Dictionary<string, List<string>> fields, string codename)
    {
        string[] Words(string field) =>
            fields.TryGetValue(field, out List<string>? value) ? string.Join(' ', value).Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries) : [];

        if (!Words("Types").Contains("deb") || Words("Enabled") is ["no" or "false" or "0" or "off"])
        {
            return;
        }

        string[] key = fields.TryGetValue("Signed-By", out List<string>? lines) ? [$"Signed-By: {lines[0]}", .. lines.Skip(1)] : [];
        Append(text, string.Join(' ', Words("URIs")), Words("Suites"), Words("Components"), key, codename);
    }

    private static void Append(StringBuilder text, string uris, string[] suites, string[] components, string[] key, string codename)
    {
        string[] ours = [.. suites.Where(suite => IsOf(suite, codename))];
        if (ours.Length == 0 || uris.Length == 0 || !components.Contains("main"))
        {
            return;
        }

        text.Append("Types: deb\nURIs: ").Append(uris);
        text.Append("\nSuites: ").AppendJoin(' ', ours);
        text.Append("\nComponents: main\n");
        foreach (string line in key)
        {
            text.Append(line).Append('\n');
        }

        text.Append('\n');
    }

    // "bookworm", "bookworm-updates", "bookworm/updates"; or the same of "stable" and its like. "cloud-sdk-bookworm" is another vendor's.
    private static bool IsOf(string suite, string codename)
    {
        string name = suite.Split('-', '/')[0];
        return name == codename || _suiteNames.Contains(name);
    }
}
