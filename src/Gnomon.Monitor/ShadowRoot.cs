using System.Buffers.Binary;
using Gnomon.Cpu;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>Points a processor at the shadow tables of its virtual CPU.</summary>
internal static class ShadowRoot
{
    /// <summary>Loads what the hardware keeps of the root: CR3, and in PAE copies of the four top entries (Intel SDM vol. 3, 4.4.1).</summary>
    public static void Load(Processor processor, HostMemory host, Pfn root, bool pae)
    {
        ProcessorRegisters registers = processor.Registers;
        uint address = root.Value << PageSize.Shift;
        if (registers.Cr3 != address)
        {
            registers.Cr3 = address;
        }

        if (pae)
        {
            Span<ulong> pointers = stackalloc ulong[4];
            Span<byte> top = host.Bytes(root);
            for (int i = 0; i < pointers.Length; i++)
            {
                pointers[i] = BinaryPrimitives.ReadUInt64LittleEndian(top[(i * sizeof(ulong))..]);
            }

            registers.LoadPointers(pointers);
        }
    }
}
