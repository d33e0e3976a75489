using System.Buffers.Binary;

namespace Gnomon.Monitor;

/// <summary>What kind of file a kernel is.</summary>
public enum KernelKind
{
    /// <summary>A 32-bit ELF executable, as Linux' <c>vmlinux</c>.</summary>
    Elf,

    /// <summary>A Linux <c>bzImage</c>.</summary>
    BzImage,
}

/// <summary>A piece of a kernel: bytes of the file, and zeros behind them.</summary>
/// <param name="Address">The guest-physical address of its first byte.</param>
/// <param name="Bytes">The bytes of the file.</param>
/// <param name="Length">Bytes in memory; what is more than the file's bytes is zero.</param>
public readonly record struct KernelSegment(uint Address, ReadOnlyMemory<byte> Bytes, uint Length);

/// <summary>A 32-bit kernel, read from a file and checked. It does not depend on who will run it.</summary>
public sealed class KernelImage
{
    private const int ElfHeaderBytes = 52;
    private const int ProgramHeaderBytes = 32;
    private const int SetupHeaderEnd = 0x218;
    private const int SectorBytes = 512;
    private const uint LoadedHigh = 0x10_0000;

    private KernelImage(KernelKind kind, uint entry, IReadOnlyList<KernelSegment> segments, ReadOnlyMemory<byte> setup)
    {
        Kind = kind;
        Entry = entry;
        Segments = segments;
        Setup = setup;
    }

    /// <summary>What kind of file it is.</summary>
    public KernelKind Kind { get; }

    /// <summary>The physical address of the first instruction.</summary>
    public uint Entry { get; }

    /// <summary>What must be in memory.</summary>
    public IReadOnlyList<KernelSegment> Segments { get; }

    /// <summary>A bzImage's real-mode part, with the setup header at 0x1F1; empty for an ELF file.</summary>
    public ReadOnlyMemory<byte> Setup { get; }

    /// <summary>The first address behind the last segment.</summary>
    public ulong End => Segments.Max(segment => (ulong)segment.Address + segment.Length);

    /// <summary>Reads a kernel.</summary>
    /// <param name="file">The file's bytes; they are not copied.</param>
    /// <exception cref="KernelFormatException">It is no 32-bit x86 kernel, or it is damaged.</exception>
    public static KernelImage Parse(ReadOnlyMemory<byte> file)
    {
        ReadOnlySpan<byte> bytes = file.Span;
        if (bytes.StartsWith("\u007FELF"u8))
        {
            return ParseElf(file);
        }

        if (bytes.Length >= SetupHeaderEnd && bytes.Slice(0x202, 4).SequenceEqual("HdrS"u8))
        {
            return ParseBzImage(file);
        }

        throw new KernelFormatException("The kernel is neither an ELF file nor a bzImage.");
    }

    // System V ABI, Intel386 supplement: e_entry at 24, e_phoff at 28, e_phentsize at 42, e_phnum at 44.
    private static KernelImage ParseElf(ReadOnlyMemory<byte> file)
    {
        ReadOnlySpan<byte> bytes = file.Span;
        Require(bytes.Length >= ElfHeaderBytes, "The ELF file is truncated: it ends inside its header.");
        Require(bytes[4] == 1, "The kernel is a 64-bit ELF file; only 32-bit x86 kernels can run.");
        Require(bytes[5] == 1 && Word(bytes, 18) == 3, $"The kernel is an ELF file for another machine ({Word(bytes, 18)}), not for 32-bit x86.");
        Require(Word(bytes, 16) == 2, $"The ELF file is not an executable (its type is {Word(bytes, 16)}).");
        uint table = Dword(bytes, 28);
        int size = Word(bytes, 42);
        int count = Word(bytes, 44);
        Require(count > 0 && size >= ProgramHeaderBytes, "The ELF file has no program headers.");
        Require(table + ((ulong)size * (uint)count) <= (ulong)bytes.Length, "The ELF file is truncated: its program headers lie behind its end.");
        List<KernelSegment> segments = [];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = bytes.Slice((int)table + (i * size), ProgramHeaderBytes);
            if (Dword(header, 0) != 1)
            {
                continue;
            }

            (uint offset, uint physical, uint inFile, uint inMemory) = (Dword(header, 4), Dword(header, 12), Dword(header, 16), Dword(header, 20));
            Require((ulong)offset + inFile <= (ulong)bytes.Length, $"The ELF file is truncated: its segment at 0x{physical:x} lies behind its end.");
            Require(inFile <= inMemory, $"The ELF file is damaged: its segment at 0x{physical:x} has more bytes in the file than in memory.");
            if (inMemory > 0)
            {
                segments.Add(new KernelSegment(physical, file.Slice((int)offset, (int)inFile), inMemory));
            }
        }

        Require(segments.Count > 0, "The ELF file has nothing to load.");
        return new KernelImage(KernelKind.Elf, Dword(bytes, 24), segments, default);
    }

    // Linux Documentation/x86/boot.txt: setup_sects at 0x1F1, version at 0x206, loadflags at 0x211, code32_start at 0x214.
    private static KernelImage ParseBzImage(ReadOnlyMemory<byte> file)
    {
        ReadOnlySpan<byte> bytes = file.Span;
        int sectors = bytes[0x1F1] == 0 ? 4 : bytes[0x1F1];
        int setup = (sectors + 1) * SectorBytes;
        Require(Word(bytes, 0x206) >= 0x200 && (bytes[0x211] & 1) != 0, "The kernel is a zImage, not a bzImage.");
        Require(bytes.Length > setup, "The bzImage is truncated: it ends inside its setup part.");
        KernelSegment code = new(LoadedHigh, file[setup..], (uint)(bytes.Length - setup));
        return new KernelImage(KernelKind.BzImage, Dword(bytes, 0x214), [code], file[..setup]);
    }

    private static ushort Word(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint Dword(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new KernelFormatException(otherwise);
        }
    }
}
