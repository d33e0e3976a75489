using System.Text.RegularExpressions;

namespace Gnomon.Architecture.Tests;

/// <summary>House rules that the source texts show.</summary>
public sealed partial class TextTests
{
    private const int SoftLimit = 300;
    private const int HardLimit = 500;
    private const int SafetyReach = 12;

    private static readonly string[] _unsafeProjects = ["Gnomon.Memory", "Gnomon.Paging", "Gnomon.Shadow", "Gnomon.Cpu"];

    [Fact]
    public void Namespaces_AreFileScoped() =>
        Offenders.AreNone(
            Source.CSharp("src", "tests", "eng", "bench")
                .Where(file => Source.Lines(file).Any(line => BlockNamespace.IsMatch(line))),
            "namespaces are file-scoped");

    [Fact]
    public void Files_AreShort()
    {
        var lengths = Source.CSharp("src", "tests", "eng", "bench").Select(file => (file, length: Source.Lines(file).Length)).ToArray();
        foreach ((string file, int length) in lengths.Where(entry => entry.length is > SoftLimit and <= HardLimit))
        {
            Console.WriteLine($"note: {file} has {length} lines; more than {SoftLimit} should be rare");
        }

        Offenders.AreNone(
            lengths.Where(entry => entry.length > HardLimit).Select(entry => $"{entry.file}: {entry.length}"),
            $"a file has one subject and at most {HardLimit} lines");
    }

    [Fact]
    public void Unsafe_OnlyWhereAllowed() =>
        Offenders.AreNone(
            from file in Source.CSharp("src")
            where !_unsafeProjects.Contains(file.Split('/')[1])
            from line in UnsafeLines(file)
            select $"{file}:{line + 1}",
            $"unsafe code lives only in {string.Join(", ", _unsafeProjects)}");

    [Fact]
    public void Unsafe_SaysWhyItIsSafe() =>
        Offenders.AreNone(
            from file in Source.CSharp("src")
            let lines = Source.Lines(file)
            from line in UnsafeLines(file)
            where !lines[Math.Max(0, line - SafetyReach)..(line + 1)].Any(text => text.Contains("SAFETY:", StringComparison.Ordinal))
            select $"{file}:{line + 1}",
            $"each unsafe has a comment \"SAFETY: ...\" in the {SafetyReach} lines above it that says who guarantees what");

    [Fact]
    public void Tests_AreNotSwitchedOff() =>
        Offenders.AreNone(
            from file in Source.CSharp("tests")
            where Source.Lines(file).Any(line => SkippedTest.IsMatch(line))
            select file,
            "a test is not skipped for good; a missing oracle is asked for with Oracle.Require");

    [Fact]
    public void Texts_NameNoMachine()
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        string[] ours = [.. new[] { Source.Root, home }.Where(path => path.Count(c => c is '/' or '\\') >= 2)];
        Offenders.AreNone(
            from file in Source.Files
            where IsText(file)
            from entry in Source.Lines(file).Index()
            where MachinePath.IsMatch(entry.Item) || ours.Any(path => entry.Item.Contains(path, StringComparison.Ordinal))
            select $"{file}:{entry.Index + 1}",
            "no absolute path of somebody's machine is committed");
    }

    private static IEnumerable<int> UnsafeLines(string file) =>
        Source.Lines(file).Index()
            .Where(entry => !entry.Item.TrimStart().StartsWith("//", StringComparison.Ordinal) && UnsafeKeyword.IsMatch(entry.Item))
            .Select(entry => entry.Index);

    private static bool IsText(string file)
    {
        using FileStream stream = File.OpenRead(Source.PathTo(file));
        Span<byte> start = stackalloc byte[4096];
        return !start[..stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)].Contains((byte)0);
    }

    [GeneratedRegex(@"^\s*namespace\s+[\w.]+\s*(\{.*)?$")]
    private static partial Regex BlockNamespace { get; }

    /// <summary>The keyword before a declaration or a block; not a word in a comment at the end of a line.</summary>
    [GeneratedRegex("""^(?:[^"/]|/(?!/))*\bunsafe\b""")]
    private static partial Regex UnsafeKeyword { get; }

    [GeneratedRegex(@"\bSkip\s*=")]
    private static partial Regex SkippedTest { get; }

    [GeneratedRegex(@"/home/\w+/|/Users/\w+/|\b[A-Z]:\\Users\\")]
    private static partial Regex MachinePath { get; }
}
