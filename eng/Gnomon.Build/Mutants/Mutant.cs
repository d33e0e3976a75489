namespace Gnomon.Build.Mutants;

/// <summary>A known fault, put into the source on purpose, and the tests that must notice it.</summary>
internal sealed record Mutant(string Name, string Why, IReadOnlyList<string> Tests, IReadOnlyList<Edit> Edits)
{
    /// <summary>
    /// The changed text of every file of the mutant, by path relative to the repository's root; fails if a text to replace is not
    /// there exactly once.
    /// </summary>
    public Dictionary<string, string> Apply(Repository repository)
    {
        Dictionary<string, string> changed = new(StringComparer.Ordinal);
        foreach (Edit edit in Edits)
        {
            string path = repository.PathTo(edit.File);
            if (!changed.TryGetValue(edit.File, out string? text))
            {
                text = File.Exists(path)
                    ? File.ReadAllText(path).ReplaceLineEndings("\n")
                    : throw new MutantException($"there is no file {edit.File}");
            }

            changed[edit.File] = edit.Apply(text);
        }

        return changed;
    }
}

/// <summary>One text of one file, and what stands there in the mutant.</summary>
internal sealed record Edit(string File, string Find, string Replace)
{
    public string Apply(string text)
    {
        int at = text.IndexOf(Find, StringComparison.Ordinal);
        if (at < 0)
        {
            throw new MutantException($"the text to replace is not in {File}: {FirstLine}");
        }

        if (text.IndexOf(Find, at + 1, StringComparison.Ordinal) >= 0)
        {
            throw new MutantException($"the text to replace is in {File} more than once: {FirstLine}");
        }

        return string.Concat(text.AsSpan(0, at), Replace, text.AsSpan(at + Find.Length));
    }

    private string FirstLine => Find.Split('\n')[0].Trim();
}

/// <summary>A mutant cannot be made or tried: it is broken, and its author must mend it.</summary>
internal sealed class MutantException(string message) : Exception(message);
