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
    private const uint SegmentLoad = 1;
    private const uint SegmentNotes = 4;
    private const uint LoadedHigh = 0x10_0000;

    private KernelImage(KernelKind kind, uint entry, IReadOnlyList<KernelSegment> segments, ReadOnlyMemory<byte> setup, uint? pvhEntry)
    {
        Kind = kind;
        Entry = entry;
        Segments = segments;
        Setup = setup;
        PvhEntry = pvhEntry;
    }

    /// <summary>What kind of file it is.</summary>
    public KernelKind Kind { get; }

    /// <summary>The physical address of the first instruction.</summary>
    public uint Entry { get; }

    /// <summary>What must be in memory.</summary>
    public IReadOnlyList<KernelSegment> Segments { get; }

    /// <summary>A bzImage's real-mode part, with the setup header at 0x1F1; empty for an ELF file.</summary>
    public ReadOnlyMemory<byte> Setup { get; }

    /// <summary>The physical address of the PVH entry, when an ELF file names one in a Xen note (PHYS32_ENTRY).</summary>
    public uint? PvhEntry { get; }

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

        throw new KernelFormatException(bytes.Length < SetupHeaderEnd
            ? $"The kernel is neither an ELF file nor a bzImage, or it is truncated: it has {bytes.Length} bytes."
            : "The kernel is neither an ELF file nor a bzImage: give the file that Debian calls vmlinuz, or an unpacked vmlinux.");
    }

    // System V ABI, Intel386 supplement: e_entry at 24, e_phoff at 28, e_phentsize at 42, e_phnum at 44.
    private static KernelImage ParseElf(ReadOnlyMemory<byte> file)
    {
        ReadOnlySpan<byte> bytes = file.Span;
        Require(bytes.Length >= ElfHeaderBytes, "The ELF file is truncated: it ends inside its header.");
        Require(bytes[4] == 1, "The kernel is a 64-bit ELF file; only 32-bit x86 kernels can run, such as Debian's linux-image-686.");
        Require(bytes[5] == 1 && Word(bytes, 18) == 3, $"The kernel is an ELF file for another machine ({Word(bytes, 18)}), not for 32-bit x86.");
        Require(Word(bytes, 16) == 2, $"The ELF file is not an executable (its type is {Word(bytes, 16)}).");
        uint table = Dword(bytes, 28);
        int size = Word(bytes, 42);
        int count = Word(bytes, 44);
        Require(count > 0 && size >= ProgramHeaderBytes, "The ELF file has no program headers.");
        Require(table + ((ulong)size * (uint)count) <= (ulong)bytes.Length, "The ELF file is truncated: its program headers lie behind its end.");
        List<KernelSegment> segments = [];
        uint? pvhEntry = null;
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<byte> header = bytes.Slice((int)table + (i * size), ProgramHeaderBytes);
            (uint type, uint offset, uint physical, uint inFile, uint inMemory) =
                (Dword(header, 0), Dword(header, 4), Dword(header, 12), Dword(header, 16), Dword(header, 20));
            if (type is not (SegmentLoad or SegmentNotes))
            {
                continue;
            }

            Require((ulong)offset + inFile <= (ulong)bytes.Length, $"The ELF file is truncated: its segment at 0x{physical:x} lies behind its end.");
            if (type == SegmentNotes)
            {
                pvhEntry ??= FindPvhEntry(bytes.Slice((int)offset, (int)inFile));
                continue;
            }

            Require(inFile <= inMemory, $"The ELF file is damaged: its segment at 0x{physical:x} has more bytes in the file than in memory.");
            if (inMemory > 0)
            {
                segments.Add(new KernelSegment(physical, file.Slice((int)offset, (int)inFile), inMemory));
            }
        }

        Require(segments.Count > 0, "The ELF file has nothing to load.");
        return new KernelImage(KernelKind.Elf, Dword(bytes, 24), segments, default, pvhEntry);
    }

    // System V ABI, "Note Section": sizes of name and value, a type, then both, each padded to 4 bytes. Xen, public/elfnote.h: 18.
    private static uint? FindPvhEntry(ReadOnlySpan<byte> notes)
    {
        while (notes.Length >= 12)
        {
            ulong name = (Dword(notes, 0) + 3UL) & ~3UL;
            ulong length = Dword(notes, 4);
            ulong end = 12 + name + ((length + 3) & ~3UL);
            if (12 + name + length > (ulong)notes.Length)
            {
                return null;
            }

            if (Dword(notes, 8) == 18 && length >= 4 && notes[12..].StartsWith("Xen\0"u8))
            {
                return Dword(notes, (int)(12 + name));
            }

            notes = end >= (ulong)notes.Length ? [] : notes[(int)end..];
        }

        return null;
    }

    // Linux Documentation/x86/boot.rst: setup_sects at 0x1F1, version at 0x206, loadflags at 0x211, syssize at 0x1F4
    // (16 bytes each; a signature may lie behind), code32_start at 0x214.
    private static KernelImage ParseBzImage(ReadOnlyMemory<byte> file)
    {
        ReadOnlySpan<byte> bytes = file.Span;
        int sectors = bytes[0x1F1] == 0 ? 4 : bytes[0x1F1];
        int setup = (sectors + 1) * SectorBytes;
        Require(Word(bytes, 0x206) >= 0x200 && (bytes[0x211] & 1) != 0, "The kernel is a zImage, not a bzImage.");
        Require(bytes.Length > setup && bytes.Length >= 2 * SectorBytes, "The bzImage is truncated: it ends inside its setup part.");
        SetupHeader header = SetupHeader.Parse(bytes);
        Require(!header.LoadFlags64, "The kernel is a 64-bit bzImage; only 32-bit x86 kernels can run, such as Debian's linux-image-686.");
        ulong code = (ulong)(bytes.Length - setup);
        if (header.Version >= 0x204)
        {
            ulong announced = Dword(bytes, 0x1F4) * 16UL;
            Require(announced < code + 16, $"The bzImage is truncated: it has {bytes.Length} bytes and should have {announced + (uint)setup}.");
            code = Math.Min(code, announced);
        }

        Require(code > 0, "The bzImage is damaged: it has no code.");
        Require(header.PayloadOffset + (ulong)header.PayloadLength <= code, "The bzImage is damaged: its compressed kernel lies behind its end.");
        KernelSegment segment = new(LoadedHigh, file.Slice(setup, (int)code), (uint)code);
        return new KernelImage(KernelKind.BzImage, Dword(bytes, 0x214), [segment], file[..setup], pvhEntry: null);
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
