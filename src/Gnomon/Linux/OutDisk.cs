using System.Globalization;
using System.Text;
using Gnomon.Linux.Archives;

namespace Gnomon.Linux;

/// <summary>What came back from a guest.</summary>
/// <param name="Status">The exit status of its script or shell, 0 … 255; null when the guest did not come to its end.</param>
/// <param name="Files">How many files were written.</param>
/// <param name="Bytes">How many bytes they have.</param>
/// <param name="Problems">What was left out and why, a sentence each; nothing of it is text that a terminal could obey.</param>
public sealed record OutResult(int? Status, int Files, long Bytes, IReadOnlyList<string> Problems);

/// <summary>A scratch disk by which a guest gives back the folder /out and its exit status. The guest is not trusted.</summary>
/// <remarks>The first 512 bytes are a line <c>gnomon out 1 STATUS TAR</c>, which the guest writes last: its exit status, and that of the
/// program that packed the folder. At 4096 begins a tar archive. A disk of zeros is one that no guest has written.</remarks>
public static class OutDisk
{
    private const int HeaderBytes = 512;
    private const int ArchiveOffset = 4096;
    private const string Magic = "gnomon out 1 ";

    /// <summary>Reads only how the guest's script or shell has ended.</summary>
    /// <param name="disk">The disk.</param>
    public static OutResult ReadStatus(Stream disk)
    {
        ArgumentNullException.ThrowIfNull(disk);
        disk.Position = 0;
        byte[] header = new byte[HeaderBytes];
        int read = disk.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false);
        return TryParse(header.AsSpan(0, read), out int status, out _)
            ? new OutResult(status, 0, 0, [])
            : new OutResult(null, 0, 0, ["The guest did not come to its end, so nothing came back from it."]);
    }

    /// <summary>Reads a disk and writes its files into a folder.</summary>
    /// <param name="disk">The disk, which can be read from its beginning and be searched.</param>
    /// <param name="folder">Where the files go; made if needed. Files in it are replaced. Nothing outside it is touched, no link is made or
    /// followed, and no device made.</param>
    /// <param name="limits">What may be written at most.</param>
    /// <returns>What came back. A disk that is damaged is a problem, not an error.</returns>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    public static OutResult Read(Stream disk, string folder, OutLimits limits)
    {
        ArgumentNullException.ThrowIfNull(disk);
        ArgumentNullException.ThrowIfNull(limits);
        disk.Position = 0;
        byte[] header = new byte[HeaderBytes];
        int read = disk.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false);
        if (!TryParse(header.AsSpan(0, read), out int status, out int tarStatus))
        {
            return new OutResult(null, 0, 0, ["The guest did not come to its end, so nothing came back from it."]);
        }

        OutFolder target = new(folder, limits);
        if (tarStatus != 0)
        {
            target.Problems.Add("The guest could not write all of /out: the disk for it is too small.");
        }

        try
        {
            disk.Position = Math.Min(ArchiveOffset, disk.Length);
            target.Take(new TarReader(disk));
        }
        catch (InvalidDataException error)
        {
            target.Problems.Add($"What came back is not complete: {error.Message}.");
        }

        return new OutResult(status, target.Files, target.Bytes, target.Problems);
    }

    /// <summary>What the guest's first program does at its end; <c>$status</c> is the exit status.</summary>
    internal static string Script(string device) => $"""
        await {device}
        set -o pipefail
        tar -C /out -cf - . | dd of={device} bs={ArchiveOffset} seek=1 conv=notrunc 2>/dev/null
        packed=$?
        sync
        echo "{Magic}$status $packed" | dd of={device} bs={HeaderBytes} conv=sync,notrunc 2>/dev/null
        sync

        """;

    private static bool TryParse(ReadOnlySpan<byte> header, out int status, out int tarStatus)
    {
        (status, tarStatus) = (0, 0);
        int end = header.IndexOf((byte)'\n');
        if (end < 0 || end > 64)
        {
            return false;
        }

        string line = Encoding.Latin1.GetString(header[..end]);
        string[] numbers = line.StartsWith(Magic, StringComparison.Ordinal) ? line[Magic.Length..].Split(' ') : [];
        return numbers.Length == 2
            && int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out status) && status <= 255
            && int.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out tarStatus);
    }
}
