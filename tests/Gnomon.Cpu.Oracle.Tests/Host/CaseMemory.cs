using System.Buffers.Binary;

namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>Reads the data memory as a case finds it: the background with the case's patches.</summary>
internal static class CaseMemory
{
    /// <summary>Reads up to eight bytes, little-endian; false where one of them is not mapped.</summary>
    public static bool TryRead(in InstructionCase c, uint address, int length, out ulong value)
    {
        value = 0;
        for (int i = length - 1; i >= 0; i--)
        {
            if (!TryReadByte(c, address + (uint)i, out byte b))
            {
                return false;
            }

            value = (value << 8) | b;
        }

        return true;
    }

    private static bool TryReadByte(in InstructionCase c, uint address, out byte value)
    {
        value = 0;
        if (address - AddressMap.LowData >= AddressMap.WindowBytes && address - AddressMap.HighData >= AddressMap.WindowBytes)
        {
            return false;
        }

        for (int patch = c.PatchCount - 1; patch >= 0; patch--)
        {
            if (address - c.PatchAddress(patch) < InstructionCase.PatchBytes)
            {
                value = c.PatchBytesOf(patch)[(int)(address - c.PatchAddress(patch))];
                return true;
            }
        }

        value = Background.At(address);
        return true;
    }
}
