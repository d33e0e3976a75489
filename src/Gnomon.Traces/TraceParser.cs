namespace Gnomon.Traces;

/// <summary>Reads traces. A trace is read and checked whole before anything of it can run.</summary>
public static class TraceParser
{
    /// <summary>Reads a trace to the end of the stream.</summary>
    /// <param name="stream">The text; each line at most 4096 bytes.</param>
    /// <param name="cancellation">Ends the reading of an endless stream.</param>
    /// <exception cref="TraceFormatException">A line is bad.</exception>
    /// <exception cref="IOException">The stream cannot be read.</exception>
    public static Trace Parse(Stream stream, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        TraceLineReader reader = new(stream);
        ReadSignature(reader);
        HeaderLines header = new();
        List<TraceLine> lines = [];
        int cpus = 1, hostCpus = 1;
        while (reader.TryRead(out ReadOnlySpan<char> text))
        {
            if ((reader.Number & 0xFFFF) == 0)
            {
                cancellation.ThrowIfCancellationRequested();
            }

            if (text.IsEmpty)
            {
                continue;
            }

            TraceLineCursor line = new(reader.Number, text);
            TraceOperation? operation = ReadLine(ref line, header, started: lines.Count > 0);
            if (operation is null)
            {
                continue;
            }

            if (lines.Count == Trace.MaxOperations)
            {
                line.Fail($"there are more than {Trace.MaxOperations} operations; split the trace");
            }

            lines.Add(new TraceLine(line.Line, operation));
            cpus = operation is TraceOperation.Cpu cpu ? Math.Max(cpus, cpu.Number + 1) : cpus;
            hostCpus = operation is TraceOperation.MapSwitcher map ? Math.Max(hostCpus, map.HostCpu + 1) : hostCpus;
        }

        return lines.Count > 0
            ? new Trace(header.Header, lines) { Cpus = cpus, HostCpus = hostCpus }
            : throw new TraceFormatException(reader.Number, "the trace ends before `init`; is it cut off? Write `init` after the header lines");
    }

    private static void ReadSignature(TraceLineReader reader)
    {
        string problem = $"a trace begins with `{HeaderLines.Signature}`; write that as its first line";
        if (!reader.TryRead(out ReadOnlySpan<char> text))
        {
            throw new TraceFormatException(1, $"the file is empty; {problem}");
        }

        if (!text.StartsWith("gnomon-trace", StringComparison.Ordinal))
        {
            throw new TraceFormatException(1, $"this is no trace; {problem}");
        }

        if (!text.SequenceEqual(HeaderLines.Signature))
        {
            throw new TraceFormatException(1, $"{TraceLineCursor.Quote(text)} is not a version that is understood; {problem}");
        }
    }

    private static TraceOperation? ReadLine(ref TraceLineCursor line, HeaderLines header, bool started)
    {
        if (HeaderLines.Knows(line.Keyword))
        {
            if (started)
            {
                line.Fail($"`{line.Keyword}` belongs to the header; move it before `init`");
            }

            header.Read(ref line);
            return null;
        }

        if (!OperationLines.Knows(line.Keyword))
        {
            line.Fail($"{TraceLineCursor.Quote(line.Keyword)} is unknown; {Suggestion(line.Keyword)}");
        }

        bool init = line.Keyword.SequenceEqual("init");
        if (init == started)
        {
            line.Fail(init
                ? "a second `init`; a trace is one guest, so put the other into a file of its own"
                : $"`{line.Keyword}` before `init`; write `init` after the header lines first");
        }

        TraceOperation operation = OperationLines.Read(ref line, header.Header);
        if (init)
        {
            header.Complete();
        }

        return operation;
    }

    private static string Suggestion(ReadOnlySpan<char> keyword)
    {
        string? best = null;
        int distance = 3;
        foreach (string known in HeaderLines.Keywords.Concat(OperationLines.Keywords).Order(StringComparer.Ordinal))
        {
            int d = keyword.Length > 20 ? distance : Distance(keyword, known);
            if (d < distance)
            {
                (best, distance) = (known, d);
            }
        }

        return best is null ? "`gnomon trace format` lists the lines of a trace" : $"did you mean `{best}`?";
    }

    // Levenshtein's distance, letters compared without case.
    private static int Distance(ReadOnlySpan<char> a, string b)
    {
        Span<int> row = stackalloc int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++)
        {
            row[j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int cost = char.ToLowerInvariant(a[i - 1]) == b[j - 1] ? 0 : 1;
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + cost));
            }
        }

        return row[b.Length];
    }
}
