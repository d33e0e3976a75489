using System.Buffers.Binary;

namespace Gnomon.Cpu.Bare;

/// <summary>
/// The state in which a flat program starts: 32-bit protected mode without paging, interrupts off, CPL 0, CS and the data segments at
/// base 0 with a limit of 4 GiB. All general registers but ESP are zero. There is no interrupt table: its limit is 0, so that an
/// exception before LIDT is a triple fault.
/// </summary>
public static class FlatStart
{
    /// <summary>Where the descriptor table lies, in physical memory: null, code, data.</summary>
    public const uint GdtAddress = 0x1000;

    /// <summary>The selector of the code segment.</summary>
    public const ushort CodeSelector = 0x08;

    /// <summary>The selector of the data segment, in DS, ES, FS, GS and SS.</summary>
    public const ushort DataSelector = 0x10;

    /// <summary>ESP at the start: the stack grows down from here.</summary>
    public const uint StackTop = 0x8_0000;

    // Limit FFFFF pages, base 0, 32-bit; code can be read, data written; both accessed (Intel SDM vol. 3, 3.4.5).
    private const ulong CodeDescriptor = 0x00CF_9B00_0000_FFFF;
    private const ulong DataDescriptor = 0x00CF_9300_0000_FFFF;

    /// <summary>Writes the descriptor table and puts the processor, after a reset, into this state.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="entry">EIP.</param>
    public static void Apply(BareMachine machine, uint entry)
    {
        Span<byte> table = stackalloc byte[24];
        table.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(table[CodeSelector..], CodeDescriptor);
        BinaryPrimitives.WriteUInt64LittleEndian(table[DataSelector..], DataDescriptor);
        machine.Memory.Load(GdtAddress, table);

        Processor processor = machine.Processor;
        processor.Reset();
        ProcessorRegisters registers = processor.Registers;
        registers[GeneralRegister.Edx] = 0;
        registers[GeneralRegister.Esp] = StackTop;
        registers.Gdt = (GdtAddress, (ushort)(table.Length - 1));
        registers.Idt = (0, 0);
        registers.Cr0 = Cr0.ProtectionEnable | Cr0.ExtensionType;
        foreach (SegmentName name in Enum.GetValues<SegmentName>())
        {
            bool code = name == SegmentName.Cs;
            ulong descriptor = code ? CodeDescriptor : DataDescriptor;
            registers.SetSegment(name, new SegmentValue(code ? CodeSelector : DataSelector, 0, uint.MaxValue, (ushort)((descriptor >> 40) & 0xF0FF)));
        }

        registers.Eip = entry;
    }
}
