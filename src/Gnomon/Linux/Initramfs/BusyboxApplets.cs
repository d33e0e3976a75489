using System.Text;

namespace Gnomon.Linux;

/// <summary>Finds the names of the commands in a busybox program, without running it: they stand in it one after another, sorted, each
/// with a zero behind.</summary>
public static class BusyboxApplets
{
    private const int Fewest = 30;

    /// <summary>The names.</summary>
    /// <param name="busybox">The program.</param>
    /// <returns>The names, or none when they cannot be found; then <c>busybox --install</c> must be run in the guest.</returns>
    public static IReadOnlyList<string> Find(ReadOnlySpan<byte> busybox)
    {
        // The first two commands are "[" and "[[", in every busybox that has a shell.
        ReadOnlySpan<byte> start = "\0[\0[[\0"u8;
        for (int at = busybox.IndexOf(start); at >= 0;)
        {
            List<string> names = NamesAt(busybox[(at + 1)..]);
            if (names.Count >= Fewest && names.Contains("sh") && names.Contains("mount"))
            {
                return names;
            }

            int next = busybox[(at + 1)..].IndexOf(start);
            at = next < 0 ? -1 : at + 1 + next;
        }

        return [];
    }

    private static List<string> NamesAt(ReadOnlySpan<byte> bytes)
    {
        List<string> names = [];
        string last = "";
        while (true)
        {
            int end = bytes.IndexOf((byte)0);
            if (end is < 1 or > 32)
            {
                return names;
            }

            string name = Encoding.Latin1.GetString(bytes[..end]);
            if (!name.All(c => char.IsAsciiLetterOrDigit(c) || c is '[' or '_' or '-' or '.' or '+') || string.CompareOrdinal(name, last) <= 0)
            {
                return names;
            }

            names.Add(name);
            last = name;
            bytes = bytes[(end + 1)..];
        }
    }
}
