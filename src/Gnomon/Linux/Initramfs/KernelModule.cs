using System.Buffers.Binary;
using System.Text;
using Gnomon.Linux.Compression;

namespace Gnomon.Linux;

/// <summary>A kernel module (<c>.ko</c>) and what its <c>.modinfo</c> section says.</summary>
public sealed class KernelModule
{
    private const int MaxBytes = 128 << 20;
    private const int HeaderBytes = 52;
    private const int SectionBytes = 40;

    private KernelModule(string name, IReadOnlyList<string> dependencies, ReadOnlyMemory<byte> content)
    {
        Name = name;
        Dependencies = dependencies;
        Content = content;
    }

    /// <summary>Its name as the kernel says it: with underscores.</summary>
    public string Name { get; }

    /// <summary>The modules that must be loaded before, by name; those that need not exist ("softdep pre") are not among them.</summary>
    public IReadOnlyList<string> Dependencies { get; }

    /// <summary>The unpacked ELF file.</summary>
    public ReadOnlyMemory<byte> Content { get; }

    /// <summary>The kernel's way to write a module's name: underscores for dashes.</summary>
    public static string CanonicalName(string name) => name.Replace('-', '_');

    /// <summary>A module's name from its file's: "virtio-rng.ko.xz" is virtio_rng; null when it is no module's.</summary>
    public static string? NameOfFile(string path)
    {
        string file = path[(path.LastIndexOf('/') + 1)..];
        int dot = file.IndexOf(".ko", StringComparison.Ordinal);
        return dot > 0 && file[dot..] is ".ko" or ".ko.xz" or ".ko.gz" or ".ko.zst" && IsName(CanonicalName(file[..dot]))
            ? CanonicalName(file[..dot])
            : null;
    }

    /// <summary>Reads a module.</summary>
    /// <param name="file">The file, plain or packed by gzip, xz or zstd.</param>
    /// <param name="fileName">Its name, for messages and for modules that do not say theirs.</param>
    /// <exception cref="LinuxFileException">It is no 32-bit module, or it is damaged.</exception>
    public static KernelModule Read(ReadOnlyMemory<byte> file, string fileName)
    {
        try
        {
            ReadOnlyMemory<byte> content = Decompressor.KindOf(file.Span) == CompressionKind.None ? file : Decompressor.Unpack(file, MaxBytes);
            string? name = null;
            List<string> dependencies = [];
            foreach ((string key, string value) in Information(content.Span))
            {
                switch (key)
                {
                    case "name":
                        name ??= CanonicalName(value);
                        break;
                    case "depends":
                        dependencies.AddRange(value.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(CanonicalName));
                        break;
                }
            }

            name ??= NameOfFile(fileName) ?? throw new InvalidDataException("it does not say its name");
            return IsName(name) && dependencies.TrueForAll(IsName)
                ? new KernelModule(name, dependencies, content)
                : throw new InvalidDataException("its name, or one that it depends on, is malformed");
        }
        catch (InvalidDataException error)
        {
            throw new LinuxFileException($"The kernel module {fileName} cannot be used: {error.Message}.", error);
        }
    }

    private static bool IsName(string name) => name.Length is > 0 and < 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');

    // System V ABI, "Sections": e_shoff at 32, e_shnum at 48, e_shstrndx at 50; a section's name, ..., offset at 16, size at 20.
    private static List<(string Key, string Value)> Information(ReadOnlySpan<byte> elf)
    {
        if (elf.Length < HeaderBytes || !elf.StartsWith("\u007FELF"u8) || elf[4] != 1 || elf[5] != 1 || Word(elf, 18) != 3)
        {
            throw new InvalidDataException("it is no ELF file for 32-bit x86");
        }

        uint table = Dword(elf, 32);
        int count = Word(elf, 48);
        int names = Word(elf, 50);
        if (Word(elf, 46) != SectionBytes || names >= count || table + ((ulong)count * SectionBytes) > (ulong)elf.Length)
        {
            throw new InvalidDataException("it is truncated or has no sections");
        }

        ReadOnlySpan<byte> nameTable = Section(elf, elf.Slice((int)table + (names * SectionBytes), SectionBytes));
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = elf.Slice((int)table + (i * SectionBytes), SectionBytes);
            uint name = Dword(header, 0);
            if (name < nameTable.Length && nameTable[(int)name..].StartsWith(".modinfo\0"u8))
            {
                List<(string, string)> found = [];
                foreach (string entry in Encoding.UTF8.GetString(Section(elf, header)).Split('\0', StringSplitOptions.RemoveEmptyEntries))
                {
                    int equals = entry.IndexOf('=', StringComparison.Ordinal);
                    if (equals > 0)
                    {
                        found.Add((entry[..equals], entry[(equals + 1)..]));
                    }
                }

                return found;
            }
        }

        throw new InvalidDataException("it has no .modinfo section");
    }

    private static ReadOnlySpan<byte> Section(ReadOnlySpan<byte> elf, ReadOnlySpan<byte> header)
    {
        (uint offset, uint size) = (Dword(header, 16), Dword(header, 20));
        return (ulong)offset + size <= (ulong)elf.Length
            ? elf.Slice((int)offset, (int)size)
            : throw new InvalidDataException("it is truncated");
    }

    private static ushort Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint Dword(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
