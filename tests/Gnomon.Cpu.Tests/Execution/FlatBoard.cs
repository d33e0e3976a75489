using Iced.Intel;

namespace Gnomon.Cpu.Tests.Execution;

/// <summary>A processor in flat 32-bit protected mode without paging, and a megabyte of memory.</summary>
internal sealed unsafe class FlatBoard : IDisposable
{
    public const uint Code = 0x1_0000;
    public const uint Data = 0x2_0000;
    public const uint Stack = 0x3_0000;
    public const uint Device = 0x10_0000;

    public FlatBoard()
    {
        Ram = new TestRam(0x10_0000);
        Processor = new Processor(Ram);
        ProcessorRegisters r = Processor.Registers;
        r.Cr0 = 0x11;
        foreach (SegmentName name in Enum.GetValues<SegmentName>())
        {
            r.SetSegment(name, new SegmentValue(8, 0, uint.MaxValue, (ushort)(name == SegmentName.Cs ? 0xC09B : 0xC093)));
        }

        r.Eip = Code;
        r[GeneralRegister.Edx] = 0;
        r[GeneralRegister.Esp] = Stack;
    }

    public TestRam Ram { get; }

    public Processor Processor { get; }

    public ProcessorRegisters R => Processor.Registers;

    /// <summary>Assembles a program at an address.</summary>
    /// <returns>Its length in bytes.</returns>
    public int Assemble(uint address, Action<Assembler> program)
    {
        Assembler assembler = new(32);
        program(assembler);
        MemoryStream bytes = new();
        assembler.Assemble(new StreamCodeWriter(bytes), address);
        Put(address, bytes.ToArray());
        return (int)bytes.Length;
    }

    /// <summary>Writes bytes as the host does: the processor is told.</summary>
    public void Put(uint address, ReadOnlySpan<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            *Ram.At(address + (uint)i) = bytes[i];
            Processor.NotifyStore((nint)Ram.At(address + (uint)i), 1);
        }
    }

    /// <summary>Everything that a program may change, as text.</summary>
    public string State() => string.Join(" ", Enum.GetValues<GeneralRegister>().Select(name => $"{name}={R[name]:x}"))
        + $" eip={R.Eip:x} flags={R.Eflags:x} memory={Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(Ram.Bytes(0, 0x10_0000)))[..16]}";

    public void Dispose()
    {
        Processor.Dispose();
        Ram.Dispose();
    }
}
