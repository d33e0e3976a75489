using System.Buffers.Binary;
using Gnomon.Memory;

namespace Gnomon.Monitor;

/// <summary>What a kernel is told: Linux' zero page and PVH's start information, as bytes.</summary>
internal static class BootInformation
{
    private const int MostMapEntries = 128;

    /// <summary>The zero page (Linux Documentation/x86/zero-page.rst), with the kernel's own setup header when it has one.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="commandLine">The command line's address.</param>
    /// <param name="disk">The RAM disk.</param>
    /// <param name="map">The memory map.</param>
    /// <param name="rsdp">ACPI's root pointer, or zero.</param>
    /// <exception cref="ArgumentException">The memory map is too long.</exception>
    public static byte[] ZeroPage(KernelImage kernel, uint commandLine, RamDisk disk, IReadOnlyList<BootMemoryRange> map, ulong rsdp)
    {
        if (map.Count > MostMapEntries)
        {
            throw new ArgumentException($"The memory map has {map.Count} ranges; a zero page takes {MostMapEntries}.", nameof(map));
        }

        byte[] page = new byte[PageSize.Bytes];
        WriteScreen(page);
        BinaryPrimitives.WriteUInt64LittleEndian(page.AsSpan(0x70), rsdp);
        page[0x1E8] = (byte)map.Count;
        for (int i = 0; i < map.Count; i++)
        {
            Span<byte> entry = page.AsSpan(0x2D0 + (i * 20));
            BinaryPrimitives.WriteUInt64LittleEndian(entry, map[i].Address);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], map[i].Length);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[16..], (uint)map[i].Type);
        }

        if (kernel.Kind == KernelKind.BzImage)
        {
            SetupHeader.BytesOf(kernel.Setup.Span).CopyTo(page.AsSpan(SetupHeader.Offset));
        }
        else
        {
            // An unpacked kernel has lost its header. It asks for the version, and that the loader knows the rules of 2.14 (the root pointer).
            BinaryPrimitives.WriteUInt16LittleEndian(page.AsSpan(0x1FE), 0xAA55);
            "HdrS"u8.CopyTo(page.AsSpan(0x202));
            BinaryPrimitives.WriteUInt16LittleEndian(page.AsSpan(0x206), 0x20F);
            page[0x211] = 1;
        }

        BinaryPrimitives.WriteUInt16LittleEndian(page.AsSpan(0x1FA), 0xFFFF); // The video mode: as it is.
        page[0x210] = 0xFF;                                                   // A loader without a number of its own.
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(0x218), disk.Address);
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(0x21C), disk.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(page.AsSpan(0x228), commandLine);
        return page;
    }

    /// <summary>PVH's start information (Xen, public/arch-x86/hvm/start_info.h, version 1), its list of modules and its memory map.</summary>
    /// <param name="address">Where these bytes will be.</param>
    /// <param name="commandLine">The command line's address.</param>
    /// <param name="disk">The RAM disk.</param>
    /// <param name="map">The memory map.</param>
    /// <param name="rsdp">ACPI's root pointer, or zero.</param>
    public static byte[] PvhStart(uint address, uint commandLine, RamDisk disk, IReadOnlyList<BootMemoryRange> map, ulong rsdp)
    {
        const int startBytes = 56;
        const int moduleBytes = 32;
        const int entryBytes = 24;
        bool hasDisk = disk.Length != 0;
        byte[] bytes = new byte[startBytes + moduleBytes + (map.Count * entryBytes)];
        Span<byte> start = bytes;
        BinaryPrimitives.WriteUInt32LittleEndian(start, 0x336E_C578);
        BinaryPrimitives.WriteUInt32LittleEndian(start[4..], 1);
        BinaryPrimitives.WriteUInt32LittleEndian(start[12..], hasDisk ? 1u : 0);
        BinaryPrimitives.WriteUInt64LittleEndian(start[16..], hasDisk ? address + startBytes : 0);
        BinaryPrimitives.WriteUInt64LittleEndian(start[24..], commandLine);
        BinaryPrimitives.WriteUInt64LittleEndian(start[32..], rsdp);
        BinaryPrimitives.WriteUInt64LittleEndian(start[40..], address + startBytes + moduleBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(start[48..], (uint)map.Count);
        BinaryPrimitives.WriteUInt64LittleEndian(start[startBytes..], disk.Address);
        BinaryPrimitives.WriteUInt64LittleEndian(start[(startBytes + 8)..], disk.Length);
        for (int i = 0; i < map.Count; i++)
        {
            Span<byte> entry = start[(startBytes + moduleBytes + (i * entryBytes))..];
            BinaryPrimitives.WriteUInt64LittleEndian(entry, map[i].Address);
            BinaryPrimitives.WriteUInt64LittleEndian(entry[8..], map[i].Length);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[16..], (uint)map[i].Type);
        }

        return bytes;
    }

    // A text screen of 80 by 25 as a CGA shows it. A machine without a screen has no memory behind 0xB8000, which the kernel tries;
    // one that has plain RAM there must not be told of a screen without columns.
    private static void WriteScreen(byte[] page)
    {
        page[0x06] = 3;     // The mode.
        page[0x07] = 80;    // Columns.
        page[0x0A] = 0x10;  // BL of the EGA's answer: there is none.
        page[0x0E] = 25;    // Lines.
        page[0x10] = 16;    // Lines of a character.
    }
}
