using System.Globalization;

namespace Gnomon.Traces;

/// <summary>Cuts a stream into lines of bounded length and takes comments off. Bytes become characters one by one.</summary>
internal sealed class TraceLineReader(Stream stream)
{
    /// <summary>The most bytes in a line, comment included.</summary>
    public const int MaxLength = 4096;

    private readonly byte[] _buffer = new byte[1 << 16];
    private readonly char[] _line = new char[MaxLength];
    private int _next;
    private int _end;

    /// <summary>The number of the line that was read last, from 1; 0 before the first.</summary>
    public long Number { get; private set; }

    /// <summary>Reads the next line: its comment, surrounding blanks and line end are gone, so it may be empty.</summary>
    /// <param name="text">Valid until the next call.</param>
    /// <returns>False at the end of the stream.</returns>
    /// <exception cref="TraceFormatException">The line is too long, or is not text.</exception>
    public bool TryRead(out ReadOnlySpan<char> text)
    {
        text = default;
        int length = 0;
        bool any = false;
        while (true)
        {
            if (_next == _end)
            {
                _next = 0;
                _end = stream.Read(_buffer);
                if (_end == 0)
                {
                    break;
                }
            }

            if (!any)
            {
                any = true;
                Number++;
            }

            byte b = _buffer[_next++];
            if (b == (byte)'\n')
            {
                break;
            }

            if (length == MaxLength)
            {
                throw new TraceFormatException(Number, $"the line is longer than {MaxLength} bytes; is this a trace? Break it or shorten its comment");
            }

            _line[length++] = (char)b;
        }

        if (!any)
        {
            return false;
        }

        text = WithoutComment(_line.AsSpan(0, length));
        return true;
    }

    private ReadOnlySpan<char> WithoutComment(ReadOnlySpan<char> line)
    {
        int comment = line.IndexOf('#');
        if (comment >= 0)
        {
            line = line[..comment];
        }

        line = line.Trim(" \t\r");
        int bad = line.IndexOfAnyExceptInRange(' ', '~');
        while (bad >= 0 && line[bad] == '\t')
        {
            int more = line[(bad + 1)..].IndexOfAnyExceptInRange(' ', '~');
            bad = more < 0 ? -1 : bad + 1 + more;
        }

        return bad < 0
            ? line
            : throw new TraceFormatException(Number, string.Create(
                CultureInfo.InvariantCulture,
                $"the byte 0x{(int)line[bad]:x} is not text; outside its comments a trace is plain ASCII, so save it as such"));
    }
}
