namespace Gnomon.Build;

/// <summary>What ./build prints when it is not told what to do.</summary>
internal static class Help
{
    public static void Print(TextWriter output, IEnumerable<ITarget> targets)
    {
        output.WriteLine("usage: ./build TARGET [ARGUMENTS]");
        output.WriteLine();
        foreach (ITarget target in targets)
        {
            output.WriteLine($"  {target.Name} {target.Arguments}".TrimEnd());
            foreach (string line in Wrap(target.Summary, 90))
            {
                output.WriteLine($"      {line}");
            }
        }

        output.WriteLine();
        output.WriteLine("Exit codes: 0 all is well; 1 the code is at fault (does not build, a test fails, a mutant");
        output.WriteLine("survives, wrong format); 2 the command line is; 127 the .NET 10 SDK is missing.");
    }

    private static IEnumerable<string> Wrap(string text, int width)
    {
        string line = "";
        foreach (string word in text.Split(' '))
        {
            if (line.Length + 1 + word.Length > width)
            {
                yield return line;
                line = "";
            }

            line = line.Length == 0 ? word : $"{line} {word}";
        }

        yield return line;
    }
}
