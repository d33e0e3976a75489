using System.Text.RegularExpressions;

namespace Gnomon.Docs.Tests;

/// <summary>Every link of every document leads somewhere, and a link whose text is code leads to that code.</summary>
public sealed partial class LinkTests
{
    [Theory]
    [MemberData(nameof(Documents.Cases), MemberType = typeof(Documents))]
    public void Link_Followed_LeadsToAFileAndAHeading(string document)
    {
        List<string> broken = [];
        foreach ((string text, string target) in LinksOf(document))
        {
            if (target.Contains("://", StringComparison.Ordinal))
            {
                continue;
            }

            string[] parts = target.Split('#', 2);
            string path = parts[0].Length == 0 ? document : Resolve(document, parts[0]);
            if (!Path.Exists(Documents.PathTo(path)))
            {
                broken.Add($"[{text}]({target}): there is no {path}");
            }
            else if (parts.Length == 2 && !AnchorsOf(path).Contains(parts[1]))
            {
                broken.Add($"[{text}]({target}): {path} has no heading #{parts[1]}");
            }
        }

        Documents.AssertNone(broken);
    }

    [Theory]
    [MemberData(nameof(Documents.Cases), MemberType = typeof(Documents))]
    public void CodeLink_Followed_LeadsToTheTypeAndMemberItNames(string document)
    {
        List<string> broken = [];
        foreach ((string text, string target) in LinksOf(document).Where(link => link.Target.EndsWith(".cs", StringComparison.Ordinal)))
        {
            Match name = CodeName().Match(text);
            string path = Resolve(document, target);
            if (!name.Success || !File.Exists(Documents.PathTo(path)))
            {
                continue;
            }

            string source = Documents.Read(path);
            string type = name.Groups["type"].Value;
            string member = name.Groups["member"].Value;
            if (!Regex.IsMatch(source, $@"\b(class|struct|interface|enum|record)\s+{type}\b"))
            {
                broken.Add($"{text}: {path} declares no {type}");
            }
            else if (member.Length > 0 && !Declares(source, member))
            {
                broken.Add($"{text}: {path} declares no {member}");
            }
        }

        Documents.AssertNone(broken);
    }

    // A line that begins with a modifier and comes to the name before anything is called or assigned, or one of an interface or enum.
    private static bool Declares(string source, string member) =>
        Regex.IsMatch(source, $@"^\s*(public|private|internal|protected|static|const|readonly)\b[^=;(\n]*\b{member}\b", RegexOptions.Multiline)
        || Regex.IsMatch(source, $@"^    (static abstract )?([\w<>?,\.]+ )?(\w+\.)?{member}\b(<\w+>)?\s*([(,={{;]|$)", RegexOptions.Multiline);

    private static IEnumerable<(string Text, string Target)> LinksOf(string document) =>
        Link().Matches(Fence().Replace(Documents.Read(document), "")).Select(link => (link.Groups["text"].Value, link.Groups["target"].Value));

    private static string Resolve(string document, string target) =>
        Documents.Relative(Path.GetFullPath(Path.Combine(Documents.PathTo(document), "..", target)));

    private static HashSet<string> AnchorsOf(string document) =>
    [
        .. Heading().Matches(Fence().Replace(Documents.Read(document), "")).Select(heading => AnchorOf(heading.Groups["text"].Value)),
        .. Identifier().Matches(Documents.Read(document)).Select(id => id.Groups["id"].Value),
    ];

    // As GitHub makes them: lower case, spaces become hyphens, everything else that is no letter or digit goes.
    private static string AnchorOf(string heading) => string.Concat(heading.Trim().ToLowerInvariant()
        .Where(c => char.IsLetterOrDigit(c) || c is ' ' or '-' or '_')
        .Select(c => c == ' ' ? '-' : c));

    [GeneratedRegex(@"(?<!!)\[(?<text>[^\[\]]+)\]\((?<target>[^()\s]+)\)|!\[(?<text>[^\[\]]*)\]\((?<target>[^()\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^(?<fence>```+).*?^\k<fence>$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fence();

    [GeneratedRegex(@"^#+ (?<text>.*)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"<a id=""(?<id>[^""]+)"">")]
    private static partial Regex Identifier();

    [GeneratedRegex(@"^`(?<type>[A-Z]\w*)(<\w+>)?(\.(?<member>\w+))?(<\w+>)?(\(.*\))?`$")]
    private static partial Regex CodeName();
}
