using System.Buffers.Binary;
using System.Text;
using Gnomon.Memory;

namespace Gnomon.Monitor;

/// <summary>Puts an unmodified kernel into a guest's memory, with all that a boot loader owes it.</summary>
/// <remarks>
/// <code>
/// 0x08000  the descriptor table
/// 0x10000  the zero page, or PVH's start information
/// 0x20000  the command line
/// 0x9FC00  no RAM up to 1 MiB
/// 1 MiB    a bzImage's code; an ELF file's segments where they say
/// the top  the RAM disk
/// </code>
/// Nothing is written between 0xA0000 and 1 MiB: a machine's tables may be there already.
/// </remarks>
public static class LinuxLoader
{
    /// <summary>Where the descriptor table is.</summary>
    public const uint GdtAddress = 0x8000;

    /// <summary>Where the zero page is, or PVH's start information.</summary>
    public const uint ParametersAddress = 0x1_0000;

    /// <summary>Where the command line is.</summary>
    public const uint CommandLineAddress = 0x2_0000;

    private const uint LowMemoryEnd = 0x10_0000;
    private const uint BootAreaEnd = 0x4_0000;
    private const int UnpackedCommandLineMax = 2047;

    /// <summary>Loads a kernel into memory that is still zero where the kernel and its RAM disk will be.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="kernel">The kernel.</param>
    /// <param name="options">What it is booted with.</param>
    /// <returns>How to enter it.</returns>
    /// <exception cref="KernelFormatException">The kernel, its RAM disk or its command line cannot be loaded; one sentence says why
    /// and what to do.</exception>
    /// <exception cref="ArgumentException">The reserved ranges overlap, or lie where the boot loader's own data must.</exception>
    /// <exception cref="InsufficientMemoryException">The host has no frames left.</exception>
    public static BootedKernel Load(GuestMemory memory, KernelImage kernel, LinuxBootOptions options)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(kernel);
        ArgumentNullException.ThrowIfNull(options);
        BootProtocol protocol = Choose(kernel, options.Protocol);
        ulong size = (ulong)memory.PageCount << PageSize.Shift;
        IReadOnlyList<BootMemoryRange> map = BootMemoryMap.Build(size, options.Reserved);
        SetupHeader? header = kernel.Kind == KernelKind.BzImage ? SetupHeader.Parse(kernel.Setup.Span) : null;
        ulong end = NeededEnd(kernel, header);
        CheckRoom(kernel, map, size, end);
        uint entry = protocol == BootProtocol.Pvh ? kernel.PvhEntry!.Value : kernel.Entry;
        if (!kernel.Segments.Any(segment => entry >= segment.Address && entry - segment.Address < segment.Length))
        {
            throw new KernelFormatException($"The kernel is damaged: its entry 0x{entry:x} lies in none of its segments.");
        }

        byte[] line = CommandLine(options.CommandLine, header?.CommandLineMax ?? UnpackedCommandLineMax);
        RamDisk disk = Place(options.RamDisk.Length, map, end, header?.InitrdAddressMax ?? SetupHeader.DefaultInitrdAddressMax, size);

        GuestLoader.LoadKernel(memory, kernel);
        GuestLoader.Write(memory, disk.Address, options.RamDisk.Span);
        GuestLoader.Write(memory, CommandLineAddress, line);
        byte[] gdt = DescriptorTable();
        GuestLoader.Write(memory, GdtAddress, gdt);
        bool pvh = protocol == BootProtocol.Pvh;
        GuestLoader.Write(memory, ParametersAddress, pvh
            ? BootInformation.PvhStart(ParametersAddress, CommandLineAddress, disk, map, options.RsdpAddress)
            : BootInformation.ZeroPage(kernel, CommandLineAddress, disk, map, options.RsdpAddress));
        return new BootedKernel(
            protocol, entry, pvh ? 0 : ParametersAddress, pvh ? ParametersAddress : 0, GdtAddress, (ushort)(gdt.Length - 1), disk, map);
    }

    private static BootProtocol Choose(KernelImage kernel, BootProtocol wanted)
    {
        bool elf = kernel.Kind == KernelKind.Elf;
        return wanted switch
        {
            BootProtocol.Auto => elf ? BootProtocol.Elf : BootProtocol.BzImage32,
            BootProtocol.BzImage32 when elf =>
                throw new KernelFormatException("The kernel is an ELF file, not a bzImage: boot it by the ELF or the PVH entry."),
            BootProtocol.Elf or BootProtocol.Pvh when !elf =>
                throw new KernelFormatException("The kernel is a bzImage: unpack it first, or boot it by the bzImage's own entry."),
            BootProtocol.Pvh when kernel.PvhEntry is null =>
                throw new KernelFormatException("The kernel has no PVH entry: boot it by the ELF entry, or take a kernel built with CONFIG_PVH."),
            _ => wanted,
        };
    }

    /// <summary>The end of what the kernel needs before it looks at the memory map.</summary>
    private static ulong NeededEnd(KernelImage kernel, SetupHeader? header)
    {
        ulong end = kernel.End;
        if (header is { InitSize: > 0 } sized)
        {
            ulong from = Math.Max(sized.PreferredAddress, kernel.Segments[0].Address);
            end = Math.Max(end, from > uint.MaxValue ? ulong.MaxValue : from + sized.InitSize);
        }

        return end;
    }

    private static void CheckRoom(KernelImage kernel, IReadOnlyList<BootMemoryRange> map, ulong size, ulong end)
    {
        if (!BootMemoryMap.IsRam(map, GdtAddress, BootAreaEnd - GdtAddress))
        {
            throw size >= LowMemoryEnd
                ? new ArgumentException($"Memory from 0x{GdtAddress:x} to 0x{BootAreaEnd:x} is the boot loader's; it cannot be reserved.", nameof(map))
                : TooLittle(end, size);
        }

        if (end > size)
        {
            throw TooLittle(end, size);
        }

        foreach (KernelSegment segment in kernel.Segments)
        {
            if (segment.Address < LowMemoryEnd)
            {
                throw new KernelFormatException($"The kernel has a segment at 0x{segment.Address:x}, below 1 MiB, where no Linux kernel lies.");
            }

            if (!BootMemoryMap.IsRam(map, segment.Address, segment.Length))
            {
                throw new KernelFormatException($"The kernel's segment at 0x{segment.Address:x} would lie where the machine has no memory for it.");
            }
        }
    }

    private static KernelFormatException TooLittle(ulong end, ulong size) =>
        end == ulong.MaxValue
            ? new KernelFormatException("The kernel wants to lie above 4 GiB, where a 32-bit guest has no memory.")
            : new KernelFormatException(
                $"The guest has too little memory for this kernel: it needs at least {(end + 0xF_FFFF) >> 20} MiB and has {size >> 20}; give it more.");

    private static byte[] CommandLine(string text, int max)
    {
        byte[] line = [.. Encoding.UTF8.GetBytes(text), 0];
        if (line.AsSpan(0, line.Length - 1).Contains((byte)0))
        {
            throw new KernelFormatException("The command line has a zero character in it.");
        }

        // What an old header says is never more than there is room for.
        max = Math.Min(max, (int)(BootAreaEnd - CommandLineAddress) - 1);
        return line.Length - 1 <= max
            ? line
            : throw new KernelFormatException($"The command line has {line.Length - 1} bytes; this kernel takes at most {max}.");
    }

    /// <summary>The highest place, page aligned, between the kernel's end and the highest address that the kernel allows.</summary>
    private static RamDisk Place(int length, IReadOnlyList<BootMemoryRange> map, ulong lowest, uint highest, ulong size)
    {
        if (length == 0)
        {
            return default;
        }

        foreach (BootMemoryRange range in map.Reverse())
        {
            ulong end = Math.Min(range.End, highest + 1UL);
            if (range.Type != BootMemoryType.Ram || end < (ulong)length)
            {
                continue;
            }

            ulong address = (end - (ulong)length) & ~(ulong)PageSize.OffsetMask;
            if (address >= Math.Max(range.Address, lowest))
            {
                return new RamDisk((uint)address, (uint)length);
            }
        }

        ulong needed = lowest + (ulong)length + PageSize.Bytes;
        throw new KernelFormatException(needed <= highest
            ? $"The RAM disk of {length} bytes does not fit behind the kernel into the guest's {size >> 20} MiB of memory; give the guest {(needed + 0xF_FFFF) >> 20} MiB or more."
            : $"The RAM disk of {length} bytes is too big: the kernel takes none that ends above 0x{highest:x}.");
    }

    // Intel SDM vol. 3, 3.4.5: base 0, limit 4 GiB; entry 2 is code (execute, read), entry 3 data (read, write), both marked accessed.
    private static byte[] DescriptorTable()
    {
        byte[] table = new byte[32];
        BinaryPrimitives.WriteUInt64LittleEndian(table.AsSpan(BootedKernel.CodeSelector), 0x00CF_9B00_0000_FFFF);
        BinaryPrimitives.WriteUInt64LittleEndian(table.AsSpan(BootedKernel.DataSelector), 0x00CF_9300_0000_FFFF);
        return table;
    }
}
