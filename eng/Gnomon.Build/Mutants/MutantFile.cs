namespace Gnomon.Build.Mutants;

/// <summary>
/// Reads tests/mutants/NAME.mutant:
/// <code>
/// file: src/Gnomon.Shadow/Example.cs
/// test: Gnomon.Shadow.Tests.ExampleTests.Method_Condition_Result[, more]
/// why: one sentence that names the fault
/// --- find
/// text that is in the file exactly once
/// +++ replace
/// what the mutant has there
/// </code>
/// Blocks may repeat, and so may <c>file:</c>, which is that of the blocks after it. Empty lines at the end of a block do not count.
/// </summary>
internal static class MutantFile
{
    private const string FindMark = "--- find";
    private const string ReplaceMark = "+++ replace";

    public static Mutant Read(string path)
    {
        string name = Path.GetFileNameWithoutExtension(path);
        string[] lines = File.ReadAllText(path).ReplaceLineEndings("\n").Split('\n');
        string? file = null;
        string? why = null;
        List<string> tests = [];
        List<Edit> edits = [];

        for (int i = 0; i < lines.Length;)
        {
            string line = lines[i];
            if (line == FindMark)
            {
                string find = Block(lines, ref i);
                if (i == lines.Length || lines[i] != ReplaceMark)
                {
                    throw new MutantException($"line {i + 1}: \"{FindMark}\" without \"{ReplaceMark}\"");
                }

                string replace = Block(lines, ref i);
                edits.Add(new Edit(file ?? throw new MutantException("file: is missing"), find, replace));
                continue;
            }

            switch (line.Split(':', 2, StringSplitOptions.TrimEntries))
            {
                case ["file", { Length: > 0 } value]:
                    file = value;
                    break;
                case ["test", { Length: > 0 } value]:
                    tests.AddRange(value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
                    break;
                case ["why", { Length: > 0 } value]:
                    why = value;
                    break;
                case [""]:
                    break;
                default:
                    throw new MutantException($"line {i + 1} is none of file:, test:, why:, {FindMark}");
            }

            i++;
        }

        return edits.Count == 0 ? throw new MutantException($"there is no \"{FindMark}\" block")
            : tests.Count == 0 ? throw new MutantException("test: is missing")
            : edits.Any(edit => edit.Find.Length == 0) ? throw new MutantException("the text to find is empty")
            : edits.Any(edit => edit.Find == edit.Replace) ? throw new MutantException("a block changes nothing")
            : new Mutant(name, why ?? throw new MutantException("why: is missing"), tests, edits);
    }

    /// <summary>The lines after the mark at <paramref name="i"/>, up to the next mark or <c>file:</c>, where it leaves
    /// <paramref name="i"/>.</summary>
    private static string Block(string[] lines, ref int i)
    {
        int start = ++i;
        while (i < lines.Length
            && lines[i] is not (FindMark or ReplaceMark)
            && !lines[i].StartsWith("file: ", StringComparison.Ordinal))
        {
            i++;
        }

        return string.Join('\n', lines[start..i]).TrimEnd('\n');
    }
}
