using System.Text.RegularExpressions;

namespace Gnomon.Architecture.Tests;

/// <summary>Links between the documents lead somewhere.</summary>
public sealed partial class LinkTests
{
    [Fact]
    public void Links_Relative_LeadToFiles() =>
        Offenders.AreNone(
            from file in Source.Files
            where file.EndsWith(".md", StringComparison.Ordinal)
            from target in Targets(file)
            where !Exists(file, target)
            select $"{file}: {target}",
            "a link in a document names a file that is there");

    private static IEnumerable<string> Targets(string file)
    {
        bool inCode = false;
        foreach (string line in Source.Lines(file))
        {
            if (line.TrimStart().StartsWith("```", StringComparison.Ordinal))
            {
                inCode = !inCode;
            }
            else if (!inCode)
            {
                foreach (Match match in Link.Matches(CodeSpan.Replace(line, "")))
                {
                    yield return match.Groups["target"].Value;
                }
            }
        }
    }

    private static bool Exists(string file, string target)
    {
        string path = Uri.UnescapeDataString(target.Split('#')[0]);
        if (path.Length == 0 || target.Contains("://", StringComparison.Ordinal) || target.StartsWith("mailto:", StringComparison.Ordinal))
        {
            return true;
        }

        string full = path.StartsWith('/')
            ? Source.PathTo(path[1..])
            : Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Source.PathTo(file))!, path));
        return File.Exists(full) || Directory.Exists(full);
    }

    [GeneratedRegex(@"\]\(<?(?<target>[^)\s>]+)>?(?:\s+""[^""]*"")?\)|^\s*\[[^\]]+\]:\s+<?(?<target>[^\s>]+)")]
    private static partial Regex Link { get; }

    [GeneratedRegex("`[^`]*`")]
    private static partial Regex CodeSpan { get; }
}
