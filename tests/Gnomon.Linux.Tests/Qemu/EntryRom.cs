using System.Buffers.Binary;
using Gnomon.Memory;
using Gnomon.Monitor;

namespace Gnomon.Linux.Tests.Qemu;

/// <summary>A ROM that does nothing but enter a loaded kernel in the state that the loader asks for, and the memory as files for QEMU.</summary>
internal static class EntryRom
{
    private const int Bytes = 0x1_0000;
    private const int TableAt = 0x40;
    private const int ProtectedAt = 0x80;

    /// <summary>QEMU's arguments for a machine with this memory.</summary>
    public static string[] Arguments(TemporaryFolder folder, GuestMemory memory, BootedKernel boot)
    {
        long size = (long)memory.PageCount << 12;
        string low = folder.File("low", Read(memory, 0, 0x8_0000));
        string high = folder.File("high", Read(memory, 0x10_0000, (int)size - 0x10_0000));
        return
        [
            "-m", $"{size >> 20}", "-bios", folder.File("rom", Rom(boot)),
            "-device", $"loader,file={low},addr=0,force-raw=on",
            "-device", $"loader,file={high},addr=0x100000,force-raw=on",
        ];
    }

    // Seen at 0xF0000 too. In real mode the processor begins at F000:FFF0.
    private static byte[] Rom(BootedKernel boot)
    {
        byte[] rom = new byte[Bytes];
        byte[] reset = [0xE9, 0x0D, 0x00];                     // jmp 0x0000
        reset.CopyTo(rom, 0xFFF0);
        List<byte> real =
        [
            0xFA,                                              // cli
            0x66, 0x2E, 0x0F, 0x01, 0x16, TableAt, 0,          // lgdt cs:[TableAt], all 32 bits of the base
            0x66, 0xB8, .. Dword(BootedKernel.Cr0),            // mov eax, CR0
            0x0F, 0x22, 0xC0,                                  // mov cr0, eax
            0x66, 0xEA, .. Dword(0xF_0000 + ProtectedAt), (byte)BootedKernel.CodeSelector, 0, // jmp code:ProtectedAt
        ];
        real.CopyTo(rom, 0);
        BinaryPrimitives.WriteUInt16LittleEndian(rom.AsSpan(TableAt), boot.GdtLimit);
        BinaryPrimitives.WriteUInt32LittleEndian(rom.AsSpan(TableAt + 2), boot.GdtAddress);
        List<byte> code = [0x66, 0xB8, (byte)BootedKernel.DataSelector, 0]; // mov ax, data
        foreach (byte segment in (byte[])[0xD8, 0xC0, 0xE0, 0xE8, 0xD0])
        {
            code.AddRange([0x8E, segment]);                    // mov ds, es, fs, gs, ss
        }

        code.AddRange([0xBE, .. Dword(boot.Esi)]);             // mov esi
        code.AddRange([0xBB, .. Dword(boot.Ebx)]);             // mov ebx
        foreach (byte register in (byte[])[0xC0, 0xC9, 0xD2, 0xFF, 0xED, 0xE4])
        {
            code.AddRange([0x31, register]);                   // xor eax, ecx, edx, edi, ebp, esp
        }

        uint next = 0xF_0000u + ProtectedAt + (uint)code.Count + 5;
        code.AddRange([0xE9, .. Dword(boot.Eip - next)]);      // jmp eip
        code.CopyTo(rom, ProtectedAt);
        return rom;
    }

    private static byte[] Dword(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }

    private static byte[] Read(GuestMemory memory, ulong address, int length)
    {
        byte[] bytes = new byte[length];
        Assert.Equal(PageStatus.Ok, memory.Read(new Gpa(address), bytes));
        return bytes;
    }
}
