using System.Text.RegularExpressions;

namespace Gnomon.Docs.Tests.Blocks;

/// <summary>
/// A fenced block of a document that a program writes. A comment above it says how:
/// <code>
/// &lt;!-- listing: docs/journey/traces/NAME.gtrace [FIRST-LAST] --&gt;   a trace, each line with its result beside it
/// &lt;!-- fault: IMAGE PART --&gt;                              a part of the story of a page fault (FaultStory)
/// &lt;!-- console --&gt;                                         a command ($ ./gnomon ...) and what it prints
/// &lt;!-- source: PATH --&gt;                                    what stands between the sample marks of a source file
/// &lt;!-- tests: PREFIX --&gt;                                   the tests whose names begin so, and the mutants that they notice
/// &lt;!-- mutants --&gt;                                         every mutant
/// </code>
/// </summary>
internal sealed partial class Block
{
    private readonly Match _match;

    private Block(string document, string text, Match match)
    {
        Document = document;
        Line = 1 + text.AsSpan(0, match.Index).Count('\n');
        _match = match;
    }

    /// <summary>The document that it is in.</summary>
    public string Document { get; }

    /// <summary>The line of its comment.</summary>
    public int Line { get; }

    /// <summary>"listing", "fault", "console", "source", "tests" or "mutants".</summary>
    public string Kind => _match.Groups["kind"].Value;

    /// <summary>What follows the kind, empty when nothing does.</summary>
    public string Argument => _match.Groups["argument"].Value.Trim();

    /// <summary>What stands between the fences, without the last line's end.</summary>
    public string Content => _match.Groups["content"].Value;

    /// <summary>The blocks of a document.</summary>
    public static IEnumerable<Block> In(string document)
    {
        string text = Documents.Read(document);
        return Pattern().Matches(text).Select(match => new Block(document, text, match));
    }

    /// <summary>Puts another content into every block of a document for which there is one.</summary>
    public static string Rewrite(string text, Func<int, string?> contentOfBlock)
    {
        int number = 0;
        return Pattern().Replace(text, match =>
        {
            string? content = contentOfBlock(number++);
            int start = match.Groups["content"].Index - match.Index;
            return content is null ? match.Value : $"{match.Value.AsSpan(0, start)}{content}\n{match.Groups["fence"].Value}";
        });
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Document}, line {Line}";

    [GeneratedRegex(
        @"^<!-- (?<kind>listing|fault|console|source|tests|mutants)(?:: (?<argument>[^\n]*?))? -->\n+(?<fence>```+)[a-z]*\n(?<content>.*?)\n?\k<fence>$",
        RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Pattern();
}
