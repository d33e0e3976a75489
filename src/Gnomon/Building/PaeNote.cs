using System.Buffers.Binary;

namespace Gnomon;

/// <summary>
/// The one thing in a kernel's ELF file that tells of its page tables: the note "PAE mode" of kernels that can run on Xen as well
/// (xen/include/public/elfnote.h: name "Xen", type 9, a text).
/// </summary>
internal static class PaeNote
{
    private const uint NoteSegment = 4;
    private const uint PaeMode = 9;

    /// <summary>Whether a kernel's file has the note, and it says that page tables are PAE's.</summary>
    /// <param name="file">The file; damaged ones have no note.</param>
    public static bool IsIn(ReadOnlySpan<byte> file)
    {
        if (file.Length < 52 || !file.StartsWith("\u007FELF"u8))
        {
            return false;
        }

        // System V ABI: e_phoff at 28, e_phentsize at 42, e_phnum at 44; a header's p_type, p_offset and p_filesz at 0, 4 and 16.
        long headers = Dword(file, 28);
        int size = BinaryPrimitives.ReadUInt16LittleEndian(file[42..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(file[44..]);
        for (int i = 0; i < count && size >= 32; i++)
        {
            long at = headers + ((long)i * size);
            if (at + 32 > file.Length)
            {
                return false;
            }

            ReadOnlySpan<byte> header = file[(int)at..];
            (long offset, long length) = (Dword(header, 4), Dword(header, 16));
            if (Dword(header, 0) == NoteSegment && offset + length <= file.Length && Says(file.Slice((int)offset, (int)length)))
            {
                return true;
            }
        }

        return false;
    }

    // Each note: bytes of the name, bytes of the text, type; then both, each filled up to four bytes.
    private static bool Says(ReadOnlySpan<byte> notes)
    {
        while (notes.Length >= 12)
        {
            ulong name = Dword(notes, 0);
            ulong text = Dword(notes, 4);
            ulong textAt = 12 + Rounded(name);
            if (textAt + text > (ulong)notes.Length)
            {
                return false;
            }

            if (Dword(notes, 8) == PaeMode && notes.Slice(12, (int)name).SequenceEqual("Xen\0"u8))
            {
                return notes.Slice((int)textAt, (int)text).StartsWith("yes"u8);
            }

            notes = notes[(int)Math.Min(textAt + Rounded(text), (ulong)notes.Length)..];
        }

        return false;
    }

    private static ulong Rounded(ulong length) => (length + 3) & ~3ul;

    private static uint Dword(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
