using System.Globalization;
using Gnomon.Traces;

namespace Gnomon.Cli.Running;

/// <summary>A raw binary and the physical address that it is loaded at, as the command line writes it: <c>FILE[@ADDRESS]</c>.</summary>
/// <param name="File">The file; - is standard input.</param>
/// <param name="Address">The physical address of its first byte.</param>
internal sealed record FlatImage(string File, ulong Address)
{
    /// <summary>Where a file goes that names no address: 1 MiB, above all that a PC keeps below it.</summary>
    public const ulong DefaultAddress = 0x10_0000;

    /// <summary>Reads a word of the command line. An @ that no number follows belongs to the file's name.</summary>
    public static FlatImage Parse(string word)
    {
        int at = word.LastIndexOf('@');
        return at > 0 && TraceNumber.TryParse(word.AsSpan(at + 1), out ulong address)
            ? new FlatImage(word[..at], address)
            : new FlatImage(word, DefaultAddress);
    }

    /// <summary>The range that bytes take, as text.</summary>
    public string Range(int length) => string.Create(CultureInfo.InvariantCulture, $"0x{Address:x}-0x{Address + (ulong)length:x}");
}
