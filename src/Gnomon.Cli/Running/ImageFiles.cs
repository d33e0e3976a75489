using System.Globalization;
using Gnomon.Cpu.Memory;

namespace Gnomon.Cli.Running;

/// <summary>Reads what a bare machine starts with, and says what is wrong with it.</summary>
internal static class ImageFiles
{
    private const string StandardInput = "-";

    /// <summary>Reads every file and checks that each fits beside the others.</summary>
    /// <param name="images">The files.</param>
    /// <param name="ramMiB">The machine's memory.</param>
    /// <returns>Their bytes, in the same order.</returns>
    /// <exception cref="CliError">One cannot be read or does not fit.</exception>
    public static List<byte[]> ReadAll(IReadOnlyList<FlatImage> images, int ramMiB)
    {
        if (images.Count(image => image.File == StandardInput) > 1)
        {
            throw new CliError(ExitStatus.BadInput, "standard input can be read once only; name - once");
        }

        ulong ram = (ulong)ramMiB << 20;
        List<byte[]> all = [];
        foreach (FlatImage image in images)
        {
            if (image.Address >= ram)
            {
                throw new CliError(ExitStatus.BadInput, Text($"{image.File} is to be loaded at 0x{image.Address:x}, and memory ends at 0x{ram:x}; choose another address, or more with --memory"));
            }

            byte[] bytes = Read(image.File, (long)(ram - image.Address), Text($"does not fit between 0x{image.Address:x} and the end of memory, 0x{ram:x}; choose another address, or more with --memory"));
            for (int i = 0; i < all.Count; i++)
            {
                FlatImage other = images[i];
                if (image.Address < other.Address + (ulong)all[i].Length && other.Address < image.Address + (ulong)bytes.Length)
                {
                    throw new CliError(ExitStatus.BadInput, $"{image.File} at {image.Range(bytes.Length)} overlaps {other.File} at {other.Range(all[i].Length)}; load one of them elsewhere, as FILE@ADDRESS");
                }
            }

            all.Add(bytes);
        }

        return all;
    }

    /// <summary>Reads a ROM.</summary>
    /// <exception cref="CliError">It cannot be read or has a wrong size.</exception>
    public static byte[] ReadRom(string file)
    {
        byte[] rom = Read(file, BareMemory.MaxRomBytes, "is longer than 256 KiB, the largest ROM");
        return rom.Length % BareMemory.RomUnitBytes == 0
            ? rom
            : throw new CliError(ExitStatus.BadInput, Text($"{file} has {rom.Length} bytes; a ROM has 64, 128, 192 or 256 KiB"));
    }

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="CliError">It cannot be read.</exception>
    public static byte[] ReadWhole(string file) => file == StandardInput
        ? throw new CliError(ExitStatus.BadInput, "standard input is the guest's console; name a file")
        : Read(file, int.MaxValue / 2, "is longer than 1 GiB");

    private static byte[] Read(string file, long most, string tooLong)
    {
        try
        {
            if (Directory.Exists(file))
            {
                throw new CliError(ExitStatus.InputOutput, $"{file} is a directory; name a file");
            }

            using Stream stream = file == StandardInput ? Console.OpenStandardInput() : File.OpenRead(file);
            using MemoryStream bytes = new();
            byte[] buffer = new byte[1 << 16];
            for (int got = stream.Read(buffer); got > 0; got = stream.Read(buffer))
            {
                if (bytes.Length + got > Math.Min(most, int.MaxValue / 2))
                {
                    throw new CliError(ExitStatus.BadInput, $"{file} {tooLong}");
                }

                bytes.Write(buffer, 0, got);
            }

            return bytes.Length > 0 ? bytes.ToArray() : throw new CliError(ExitStatus.BadInput, $"{file} is empty; there is nothing to run");
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CliError(ExitStatus.InputOutput, $"{file} does not exist; check its name.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new CliError(ExitStatus.InputOutput, $"{file} cannot be read: {error.Message}");
        }
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
