using System.Buffers.Binary;
using System.Text;
using Gnomon.Memory;

namespace Gnomon.Monitor;

/// <summary>Where the initial RAM disk lies.</summary>
/// <param name="Address">Its guest-physical address, page aligned.</param>
/// <param name="Length">Bytes; zero when there is none.</param>
public readonly record struct RamDisk(uint Address, uint Length);

/// <summary>Puts kernels, RAM disks and command lines into guest memory.</summary>
public static class GuestLoader
{
    /// <summary>Where <see cref="WriteBootParameters"/> puts the command line.</summary>
    public const uint CommandLineAddress = 0x1000;

    /// <summary>The longest command line, in bytes, without the zero behind it.</summary>
    public const int MaxCommandLine = PageSize.Bytes - 1;

    private const int BootParameterBytes = PageSize.Bytes;

    /// <summary>Puts a kernel's segments into memory that is still zero.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="kernel">The kernel.</param>
    /// <exception cref="KernelFormatException">A segment or the entry lies outside the guest's memory.</exception>
    /// <exception cref="InsufficientMemoryException">The host has no frames left.</exception>
    public static void LoadKernel(GuestMemory memory, KernelImage kernel)
    {
        ulong size = SizeOf(memory);
        foreach (KernelSegment segment in kernel.Segments)
        {
            if (segment.Address + (ulong)segment.Length > size)
            {
                throw new KernelFormatException(
                    $"The kernel is too big for the guest's {size >> 20} MiB of memory: it needs 0x{segment.Length:x} bytes at 0x{segment.Address:x}.");
            }

            Write(memory, segment.Address, segment.Bytes.Span);
        }

        if (kernel.Entry >= size)
        {
            throw new KernelFormatException($"The kernel's entry 0x{kernel.Entry:x} lies outside the guest's memory.");
        }
    }

    /// <summary>Puts a RAM disk at the top of memory, page aligned.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="image">Its bytes.</param>
    /// <param name="lowest">The lowest address that it may have: the kernel's end.</param>
    /// <returns>Where it is.</returns>
    /// <exception cref="KernelFormatException">It does not fit.</exception>
    /// <exception cref="InsufficientMemoryException">The host has no frames left.</exception>
    public static RamDisk LoadRamDisk(GuestMemory memory, ReadOnlySpan<byte> image, ulong lowest)
    {
        if (image.IsEmpty)
        {
            return default;
        }

        ulong size = SizeOf(memory);
        ulong address = ((ulong)image.Length > size ? 0 : size - (ulong)image.Length) & ~(ulong)PageSize.OffsetMask;
        if ((ulong)image.Length > size || address < lowest)
        {
            throw new KernelFormatException($"The RAM disk of {image.Length} bytes does not fit behind the kernel into the guest's {size >> 20} MiB of memory.");
        }

        Write(memory, address, image);
        return new RamDisk((uint)address, (uint)image.Length);
    }

    /// <summary>Writes the paravirtual guest's <c>boot_params</c> at guest-physical 0 and the command line behind it
    /// (Linux Documentation/x86/boot.txt, zero-page.txt).</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="commandLine">The command line.</param>
    /// <param name="ramDisk">The RAM disk, or its default for none.</param>
    /// <exception cref="KernelFormatException">The command line is too long.</exception>
    /// <exception cref="InsufficientMemoryException">The host has no frames left.</exception>
    public static void WriteBootParameters(GuestMemory memory, string commandLine, RamDisk ramDisk)
    {
        byte[] line = [.. Encoding.UTF8.GetBytes(commandLine), 0];
        if (line.Length > MaxCommandLine + 1)
        {
            throw new KernelFormatException($"The command line has {line.Length - 1} bytes; at most {MaxCommandLine} fit.");
        }

        byte[] parameters = new byte[BootParameterBytes];
        parameters[0x1E8] = 1;
        BinaryPrimitives.WriteUInt64LittleEndian(parameters.AsSpan(0x2D0 + 8), SizeOf(memory));
        BinaryPrimitives.WriteUInt32LittleEndian(parameters.AsSpan(0x2D0 + 16), 1);
        BinaryPrimitives.WriteUInt16LittleEndian(parameters.AsSpan(0x206), 0x207);
        parameters[0x211] |= 0x40;
        BinaryPrimitives.WriteUInt32LittleEndian(parameters.AsSpan(0x228), CommandLineAddress);
        BinaryPrimitives.WriteUInt32LittleEndian(parameters.AsSpan(0x230), 0x100_0000);
        BinaryPrimitives.WriteUInt32LittleEndian(parameters.AsSpan(0x23C), 1);
        if (ramDisk.Length != 0)
        {
            parameters[0x210] = 0xFF;
            BinaryPrimitives.WriteUInt32LittleEndian(parameters.AsSpan(0x218), ramDisk.Address);
            BinaryPrimitives.WriteUInt32LittleEndian(parameters.AsSpan(0x21C), ramDisk.Length);
        }

        Write(memory, 0, parameters);
        Write(memory, CommandLineAddress, line);
    }

    private static ulong SizeOf(GuestMemory memory) => (ulong)memory.PageCount << PageSize.Shift;

    /// <summary>Writes bytes.</summary>
    /// <exception cref="InsufficientMemoryException">The host has no frames left, or there is no memory.</exception>
    internal static void Write(GuestMemory memory, ulong address, ReadOnlySpan<byte> bytes)
    {
        PageStatus status = memory.Write(new Gpa(address), bytes);
        if (status != PageStatus.Ok)
        {
            throw new InsufficientMemoryException($"The guest's memory at 0x{address:x} cannot be written: {status}.");
        }
    }
}
