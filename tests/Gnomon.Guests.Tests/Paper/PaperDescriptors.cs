using Gnomon.Cpu;

namespace Gnomon.Guests.Tests.Paper;

/// <summary>The Switcher's state page: the tables that the processor uses while the guest runs.</summary>
//  +0 IDT, 256 gates    +800 GDT, 32 descriptors    +900 TSS
internal sealed class PaperDescriptors
{
    public const uint CodePage = PaperShadow.SwitcherAddress;
    public const uint RegisterPage = CodePage + 0x1000;
    public const uint StatePage = CodePage + 0x2000;
    public const uint HostStack = RegisterPage + 0x1000;
    private const uint GdtOffset = 0x800;
    private const uint TssOffset = 0x900;

    private readonly PaperMemory _memory;
    private readonly uint _state;
    private readonly (uint Offset, bool IsInterrupt, int Dpl)?[] _gates = new (uint, bool, int)?[256];

    public PaperDescriptors(PaperMemory memory, PaperShadow shadow)
    {
        _memory = memory;
        uint code = shadow.FirstHostPage;
        _state = code + (2 * PaperMemory.PageBytes);
        for (uint i = 0; i < 3; i++)
        {
            _memory.Write32(shadow.SwitcherTable + (i * 4), (code + (i * PaperMemory.PageBytes)) | 1 | (i == 1 ? 2u : 0));
        }

        for (uint vector = 0; vector < 256; vector++)
        {
            _memory.Write32(code + (vector * 8), 0x00C1_010F); // VMCALL
            WriteGate((byte)vector, 0x50, CodePage + (vector * 8), isTrap: false, vector == 31 ? 1 : 0);
        }

        Set(10, 0x00CF_9B00_0000_FFFF);
        Set(11, 0x00CF_9300_0000_FFFF);
        Set(12, 0x00CF_BB00_0000_FFFF);
        Set(13, 0x00CF_B300_0000_FFFF);
        _memory.Write32(_state + TssOffset + 4, HostStack);
        _memory.Write32(_state + TssOffset + 8, 0x58);
        _memory.Write32(_state + TssOffset + 100, 0x68u << 16);
    }

    public uint SyscallVector { get; set; } = 0x80;

    public (uint Offset, bool IsInterrupt, int Dpl)? Gate(byte vector) => _gates[vector];

    public void Attach(ProcessorRegisters registers)
    {
        registers.Idt = (StatePage, 2047);
        registers.Gdt = (StatePage + GdtOffset, 255);
        registers.Task = new SegmentValue(16 * 8, StatePage + TssOffset, 0x67, 0x008B);
    }

    public void SetStack(uint segment, uint pointer)
    {
        _memory.Write32(_state + TssOffset + 12, pointer);
        _memory.Write32(_state + TssOffset + 16, segment);
    }

    public void SetGate(byte vector, uint low, uint high)
    {
        bool present = (high & 0x8000) != 0;
        bool interrupt = (high >> 8 & 0xF) == 0xE;
        int dpl = (int)(high >> 13 & 3);
        uint offset = (high & 0xFFFF_0000) | (low & 0xFFFF);
        _gates[vector] = present ? (offset, interrupt, dpl) : null;
        bool mine = vector is 7 or 13 or 14 or 31 || (vector >= 32 && vector != SyscallVector);
        if (present && !interrupt && !mine)
        {
            WriteGate(vector, 0x61, offset, isTrap: true, dpl);
        }
        else
        {
            WriteGate(vector, 0x50, CodePage + (vector * 8u), isTrap: false, vector == 31 ? 1 : mine ? 0 : dpl);
        }
    }

    /// <summary>A descriptor from the guest: never privilege 0, never a gate or another system segment, always accessed.</summary>
    public void SetByGuest(uint index, ulong descriptor)
    {
        if (index is 10 or 11 or 16 or 31)
        {
            return;
        }

        bool isSegment = (descriptor >> 44 & 1) != 0;
        if ((descriptor >> 45 & 3) == 0)
        {
            descriptor |= 1UL << 45;
        }

        Set(index, isSegment ? descriptor | (1UL << 40) : 0);
    }

    /// <summary>What a segment register holds after a load of this selector; null where the load would fault.</summary>
    public SegmentValue? Load(ushort selector, bool code)
    {
        ulong descriptor = (selector & 4) != 0 ? 0 : _memory.Read64(_state + GdtOffset + (selector & ~7u));
        if ((descriptor >> 47 & 1) == 0 || (descriptor >> 44 & 1) == 0 || (descriptor >> 43 & 1) != (code ? 1u : 0u) || (selector & 3) == 0)
        {
            return null;
        }

        uint raw = (uint)(descriptor & 0xFFFF) | (uint)(descriptor >> 32 & 0xF_0000);
        uint limit = (descriptor >> 55 & 1) != 0 ? (raw << 12) | 0xFFF : raw;
        uint @base = (uint)(descriptor >> 16 & 0xFF_FFFF) | (uint)(descriptor >> 32 & 0xFF00_0000);
        return new SegmentValue(selector, @base, limit, (ushort)(descriptor >> 40 & 0xF0FF));
    }

    private void Set(uint index, ulong descriptor)
    {
        _memory.Write32(_state + GdtOffset + (index * 8), (uint)descriptor);
        _memory.Write32(_state + GdtOffset + (index * 8) + 4, (uint)(descriptor >> 32));
    }

    private void WriteGate(byte vector, uint selector, uint offset, bool isTrap, int dpl)
    {
        _memory.Write32(_state + (vector * 8u), (selector << 16) | (offset & 0xFFFF));
        _memory.Write32(_state + (vector * 8u) + 4, (offset & 0xFFFF_0000) | 0x8000 | ((uint)dpl << 13) | (isTrap ? 0xF00u : 0xE00u));
    }
}
