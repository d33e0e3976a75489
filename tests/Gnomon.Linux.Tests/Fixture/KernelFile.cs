using System.Buffers.Binary;
using System.Text;

namespace Gnomon.Linux.Tests.Fixture;

/// <summary>Makes kernels byte by byte, as the documents say; the code in them is never run.</summary>
internal static class KernelFile
{
    public const uint PreferredAddress = 0x100_0000;
    public const uint InitSize = 0x80_0000;
    public const uint InitrdMax = 0x37FF_FFFF;
    public const int SetupSectors = 4;
    public const int SetupBytes = (SetupSectors + 1) * 512;

    /// <summary>A bzImage of protocol 2.15 with this payload, and a byte pattern around it.</summary>
    public static byte[] BzImage(byte[]? payload = null, Action<byte[]>? change = null)
    {
        payload ??= [1, 2, 3, 4];
        const int payloadAt = 0x400;
        int code = (payloadAt + payload.Length + 0x200 + 15) & ~15;
        byte[] file = new byte[SetupBytes + code];
        for (int i = SetupBytes; i < file.Length; i++)
        {
            file[i] = (byte)(i * 7);
        }

        payload.CopyTo(file, SetupBytes + payloadAt);
        file[0x1F1] = SetupSectors;
        Put16(file, 0x1F2, 1);                    // root_flags
        Put32(file, 0x1F4, (uint)code / 16);      // syssize
        Put16(file, 0x1FE, 0xAA55);
        file[0x200] = 0xEB;                       // jump over the header
        file[0x201] = 0x6A;                       // the header ends at 0x26C
        "HdrS"u8.CopyTo(file.AsSpan(0x202));
        Put16(file, 0x206, 0x20F);
        file[0x211] = 1;                          // LOADED_HIGH
        Put32(file, 0x214, 0x10_0000);            // code32_start
        Put32(file, 0x22C, InitrdMax);
        Put32(file, 0x230, 0x100_0000);           // kernel_alignment
        file[0x234] = 1;                          // relocatable
        Put32(file, 0x238, 2047);                 // cmdline_size
        Put32(file, 0x248, payloadAt);
        Put32(file, 0x24C, (uint)payload.Length);
        Put64(file, 0x258, PreferredAddress);
        Put32(file, 0x260, InitSize);
        change?.Invoke(file);
        return file;
    }

    /// <summary>An ELF file of one segment at 16 MiB, with 64 KiB of zeros behind its bytes, and a note when <paramref name="pvh"/> is given.</summary>
    public static byte[] Elf(int codeBytes = 5000, uint? pvh = null, uint address = PreferredAddress, Action<byte[]>? change = null)
    {
        const int codeAt = 0x1000;
        byte[] file = new byte[codeAt + codeBytes];
        "\u007FELF"u8.CopyTo(file);
        (file[4], file[5], file[6]) = (1, 1, 1);
        Put16(file, 16, 2);
        Put16(file, 18, 3);
        Put32(file, 20, 1);
        Put32(file, 24, address + 16);
        Put32(file, 28, 52);
        Put16(file, 40, 52);
        Put16(file, 42, 32);
        Put16(file, 44, (ushort)(pvh is null ? 1 : 2));
        ProgramHeader(file, 52, 1, codeAt, 0xC100_0000, address, (uint)codeBytes, (uint)codeBytes + 0x1_0000);
        for (int i = codeAt; i < file.Length; i++)
        {
            file[i] = (byte)(i * 13);
        }

        if (pvh is { } entry)
        {
            // A note of another owner with an odd length first, then the one that counts.
            ProgramHeader(file, 84, 4, 0x200, 0, 0, 12 + 8 + 8 + 12 + 4 + 4, 12 + 8 + 8 + 12 + 4 + 4);
            Put32(file, 0x200, 5);
            Put32(file, 0x204, 7);
            Put32(file, 0x208, 18);
            "Other"u8.CopyTo(file.AsSpan(0x20C));
            Put32(file, 0x21C, 4);
            Put32(file, 0x220, 4);
            Put32(file, 0x224, 18);
            "Xen\0"u8.CopyTo(file.AsSpan(0x228));
            Put32(file, 0x22C, entry);
        }

        change?.Invoke(file);
        return file;
    }

    public static void Put16(byte[] file, int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), value);

    public static void Put32(byte[] file, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), value);

    public static void Put64(byte[] file, int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(file.AsSpan(at), value);

    public static string ZeroTerminated(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes[..bytes.IndexOf((byte)0)]);

    private static void ProgramHeader(byte[] file, int at, uint type, uint offset, uint linear, uint physical, uint inFile, uint inMemory)
    {
        uint[] fields = [type, offset, linear, physical, inFile, inMemory, 7, 0x1000];
        for (int i = 0; i < fields.Length; i++)
        {
            Put32(file, at + (i * 4), fields[i]);
        }
    }
}
