using System.Buffers.Binary;
using Gnomon.Cpu;
using Gnomon.Guests.Tests.Monitored;
using Gnomon.Memory;
using Gnomon.Monitor;
using Gnomon.Paging;
using Gnomon.Shadow;
using Gnomon.Traces;
using Iced.Intel;

namespace Gnomon.Docs.Tests.Faults;

/// <summary>Sundial on the monitor, an instruction at a time, with everything in reach of who looks. Two of them do the same.</summary>
internal sealed class FaultMachine(string image) : IDisposable
{
    /// <summary>The check that takes A and D out of an entry and looks whether they come back.</summary>
    private const string CommandLine = "only=user-accessed-dirty disk=no";

    private readonly MonitoredMachine _machine = new(image, CommandLine);

    public string Console => _machine.Console;

    public FormatShape Shape { get; } = image.EndsWith("-pae", StringComparison.Ordinal) ? FormatShape.Pae : FormatShape.TwoLevel;

    public ParavirtualGuest Guest => _machine.Guest;

    public ProcessorRegisters Registers => Guest.Processor.Registers;

    public uint Switcher => Shape.DefaultSwitcher;

    public uint RegisterPage => Switcher + PageSize.Bytes;

    public uint StatePage => RegisterPage + PageSize.Bytes;

    /// <summary>Where the processor is, the Switcher's instructions too.</summary>
    public uint RawEip => Registers.Eip;

    public bool IsInSwitcher => RawEip >= Switcher;

    /// <summary>Steps made so far.</summary>
    public long Steps { get; private set; }

    /// <summary>One instruction, and before it what the host does if the guest is trapped.</summary>
    public void Step()
    {
        Steps++;
        Guest.Run(1);
    }

    public void StepTo(long steps)
    {
        Assert.True(Steps <= steps, "too late");
        while (Steps < steps)
        {
            Step();
        }

        Assert.False(IsInSwitcher);
    }

    public ulong GuestEntry(ulong table, int index)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        Guest.Memory.Read(new Gpa(table + (ulong)(index * Shape.EntryBytes)), bytes[..Shape.EntryBytes]);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    public ulong ShadowEntry(ulong frame, int index)
    {
        ReadOnlySpan<byte> place = Guest.Memory.Host.Bytes(new Pfn((uint)(frame >> PageSize.Shift)))[(index * Shape.EntryBytes)..];
        return Shape.EntryBytes == 4 ? BinaryPrimitives.ReadUInt32LittleEndian(place) : BinaryPrimitives.ReadUInt64LittleEndian(place);
    }

    /// <summary>A word of the Switcher's pages, found through the shadows as the processor finds it.</summary>
    public uint SwitcherWord(uint address) => BinaryPrimitives.ReadUInt32LittleEndian(SwitcherBytes(address));

    /// <summary>A word of the guest by its own tables.</summary>
    public uint GuestWord(uint address)
    {
        Assert.True(Guest.Mmu.TryTranslateGuest(0, new Gva(address), out Gpa place), $"0x{address:x} is not mapped");
        return PhysicalWord(place);
    }

    public uint PhysicalWord(Gpa place)
    {
        Span<byte> word = stackalloc byte[4];
        Assert.Equal(PageStatus.Ok, Guest.Memory.Read(place, word));
        return BinaryPrimitives.ReadUInt32LittleEndian(word);
    }

    /// <summary>The instruction at an address: of the guest, or of the Switcher.</summary>
    public (string Bytes, string Text) Instruction(uint address)
    {
        const int longest = 15;
        byte[] bytes = address >= Switcher
            ? SwitcherBytes(address)[..Math.Min(longest, (int)(PageSize.Bytes - (address & PageSize.OffsetMask)))].ToArray()
            : [.. Enumerable.Range(0, longest + 1).Select(i => (byte)(GuestWord((address + (uint)i) & ~3u) >> (int)(8 * ((address + (uint)i) & 3))))];
        Decoder decoder = Decoder.Create(32, bytes, address);
        decoder.Decode(out Instruction instruction);
        IntelFormatter formatter = new();
        formatter.Options.HexPrefix = "0x";
        formatter.Options.HexSuffix = "";
        formatter.Options.UppercaseHex = false;
        formatter.Options.SpaceAfterOperandSeparator = true;
        formatter.Options.SmallHexNumbersInDecimal = false;
        StringOutput text = new();
        formatter.Format(instruction, text);
        return (string.Join(' ', bytes.Take(instruction.Length).Select(b => b.ToString("x2", null))), text.ToStringAndReset());
    }

    public void Dispose() => _machine.Dispose();

    private ReadOnlySpan<byte> SwitcherBytes(uint address)
    {
        Assert.True(Guest.Mmu.TryWalkShadow(0, new Gva(address), new PageAccess(PageFaultCode.None), out HardwareTranslation translation));
        return Guest.Memory.Host.Bytes(translation.Frame)[(int)(address & PageSize.OffsetMask)..];
    }
}
