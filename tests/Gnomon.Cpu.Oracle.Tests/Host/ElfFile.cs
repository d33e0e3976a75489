using System.Buffers.Binary;

namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>Writes a static 32-bit ELF program of one text segment and one zeroed data segment.</summary>
internal static class ElfFile
{
    private const int HeaderBytes = 52;
    private const int ProgramHeaderBytes = 32;
    private const int ProgramHeaders = 3;
    private const uint Load = 1;
    private const uint GnuStack = 0x6474_E551;
    private const uint Execute = 1;
    private const uint Write = 2;
    private const uint Read = 4;

    /// <summary>Where code begins, relative to the text segment's address.</summary>
    public const uint CodeOffset = 0x100;

    /// <param name="text">The page-aligned address of the text segment; the program begins <see cref="CodeOffset"/> bytes behind it.</param>
    /// <param name="code">The program.</param>
    /// <param name="data">The page-aligned address of the data segment.</param>
    /// <param name="dataBytes">Its size.</param>
    public static byte[] Make(uint text, ReadOnlySpan<byte> code, uint data, uint dataBytes)
    {
        byte[] file = new byte[CodeOffset + code.Length];
        ReadOnlySpan<byte> identification = [0x7F, (byte)'E', (byte)'L', (byte)'F', 1, 1, 1];
        identification.CopyTo(file);
        const ushort Executable = 2, Machine386 = 3;
        WriteHalf(file, 16, Executable);
        WriteHalf(file, 18, Machine386);
        WriteWord(file, 20, 1);
        WriteWord(file, 24, text + CodeOffset);
        WriteWord(file, 28, HeaderBytes);
        WriteHalf(file, 40, HeaderBytes);
        WriteHalf(file, 42, ProgramHeaderBytes);
        WriteHalf(file, 44, ProgramHeaders);
        WriteProgramHeader(file, 0, Load, text, (uint)file.Length, (uint)file.Length, Read | Execute);
        WriteProgramHeader(file, 1, Load, data, 0, dataBytes, Read | Write);

        // Without this header the kernel would make every page executable.
        WriteProgramHeader(file, 2, GnuStack, 0, 0, 0, Read | Write);
        code.CopyTo(file.AsSpan((int)CodeOffset));
        return file;
    }

    private static void WriteProgramHeader(byte[] file, int index, uint type, uint address, uint fileBytes, uint bytes, uint flags)
    {
        int at = HeaderBytes + (index * ProgramHeaderBytes);
        WriteWord(file, at, type);
        WriteWord(file, at + 8, address);
        WriteWord(file, at + 12, address);
        WriteWord(file, at + 16, fileBytes);
        WriteWord(file, at + 20, bytes);
        WriteWord(file, at + 24, flags);
        WriteWord(file, at + 28, AddressMap.PageBytes);
    }

    private static void WriteHalf(byte[] file, int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(file.AsSpan(at), value);

    private static void WriteWord(byte[] file, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), value);
}
