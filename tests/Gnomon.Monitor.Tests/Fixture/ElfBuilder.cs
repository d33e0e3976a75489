using System.Buffers.Binary;

namespace Gnomon.Monitor.Tests.Fixture;

/// <summary>Writes ELF files of one segment, right ones and wrong ones.</summary>
internal static class ElfBuilder
{
    public const int DataOffset = 0x100;

    public static byte[] Executable(uint address, ReadOnlySpan<byte> code, uint entry)
    {
        byte[] file = new byte[DataOffset + code.Length];
        "\u007FELF\u0001\u0001\u0001"u8.CopyTo(file);
        Put16(file, 16, 2);
        Put16(file, 18, 3);
        Put32(file, 20, 1);
        Put32(file, 24, entry);
        Put32(file, 28, 52);
        Put16(file, 40, 52);
        Put16(file, 42, 32);
        Put16(file, 44, 1);
        Put32(file, 52, 1);
        Put32(file, 56, DataOffset);
        Put32(file, 60, address + 0xC000_0000);
        Put32(file, 64, address);
        Put32(file, 68, (uint)code.Length);
        Put32(file, 72, (uint)code.Length + 0x1000);
        code.CopyTo(file.AsSpan(DataOffset));
        return file;
    }

    public static void Put16(byte[] file, int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), value);

    public static void Put32(byte[] file, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), value);
}
