namespace Gnomon.Docs.Tests.Blocks;

/// <summary>The part of a source file that a document quotes: between the lines <c>// sample</c> and <c>// end of sample</c>.</summary>
internal static class SourceText
{
    /// <summary>The quoted lines, without their common indentation.</summary>
    public static string Of(string path)
    {
        string[] lines = Documents.Read(path).Split('\n');
        int first = Array.FindIndex(lines, line => line.Trim() == "// sample") + 1;
        int end = Array.FindIndex(lines, line => line.Trim() == "// end of sample");
        Assert.True(first > 0 && end > first, $"{path} has no sample");
        int indent = lines[first..end].Where(line => line.Length > 0).Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines[first..end].Select(line => line.Length == 0 ? line : line[indent..]));
    }
}
