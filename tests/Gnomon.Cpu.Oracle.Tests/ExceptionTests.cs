using Gnomon.Cpu.Oracle.Tests.Fixture;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests;

/// <summary>Faults, traps and transfers come back as they are on the processor itself.</summary>
public sealed class ExceptionTests : IDisposable
{
    private const uint InvalidOpcode = 6, GeneralProtection = 13, PageFault = 14, AlignmentCheck = 17, Breakpoint = 3, OverflowTrap = 4, Bounds = 5;
    private const uint WriteByUser = 6, WriteByUserToPresent = 7, ReadByUser = 4;
    private const uint Nowhere = 0x2345_6780;

    private readonly HostProcessor _host = HostProcessor.Start();

    public void Dispose() => _host.Dispose();

    [Fact]
    public void Load_FromAnUnmappedPage_IsAPageFaultWithItsAddress()
    {
        // MOV EAX, [ECX]
        InstructionCase c = HandMade.Case([0x8B, 0x01], (ref ProcessorContext context) => (context.Eax, context.Ecx) = (42, Nowhere));
        CaseResult result = _host.Run(c);
        Assert.Equal((PageFault, ReadByUser, Nowhere), (result.Context.Trap, result.Context.ErrorCode, result.Context.Cr2));
        Assert.Equal((c.Context.Eip, 42u, Nowhere), (result.Context.Eip, result.Context.Eax, result.Context.Ecx));
    }

    [Theory]
    [InlineData(AddressMap.HighData + AddressMap.WritableBytes, WriteByUserToPresent, AddressMap.HighData + AddressMap.WritableBytes)]
    [InlineData(AddressMap.HighData + AddressMap.WritableBytes - 2, WriteByUserToPresent, AddressMap.HighData + AddressMap.WritableBytes)]
    [InlineData(AddressMap.HighData - 2, WriteByUser, AddressMap.HighData - 2)]
    [InlineData(AddressMap.Code - 2, WriteByUser, AddressMap.Code - 2)]
    public void Store_ThatTouchesAPageItMayNot_FaultsThereAndStoresNothing(uint address, uint errorCode, uint faultAddress)
    {
        // MOV [ECX], EAX
        CaseResult result = _host.Run(HandMade.Case([0x89, 0x01], (ref ProcessorContext context) => context.Ecx = address));
        Assert.Equal((PageFault, errorCode, faultAddress), (result.Context.Trap, result.Context.ErrorCode, result.Context.Cr2));
        Assert.Empty(result.Memory.Blocks);
    }

    [Fact]
    public void Store_IsSeenAndGoneInTheNextCase()
    {
        uint address = AddressMap.HighData + AddressMap.PageBytes - 2;
        InstructionCase store = HandMade.Case([0x89, 0x01], (ref ProcessorContext context) => (context.Eax, context.Ecx) = (0xA1B2_C3D4, address));
        CaseResult result = _host.Run(store);
        Assert.Equal([0xD4, 0xC3, 0xB2, 0xA1], [.. Enumerable.Range(0, 4).Select(i => result.Memory.ByteAt(address + (uint)i))]);
        Assert.Equal(Background.At(address - 1), result.Memory.ByteAt(address - 1));
        Assert.Empty(_host.Run(HandMade.Case([0x90])).Memory.Blocks);
    }

    [Fact]
    public void Movs_ThatFaultsInTheMiddle_HasCountedWhatItDid()
    {
        const uint Before = 5;

        // REP MOVSB
        InstructionCase c = HandMade.Case([0xF3, 0xA4], (ref ProcessorContext context) =>
            (context.Ecx, context.Esi, context.Edi) = (20, AddressMap.HighData + 0x100, AddressMap.HighData + AddressMap.WritableBytes - Before));
        CaseResult result = _host.Run(c);
        Assert.Equal((PageFault, WriteByUserToPresent), (result.Context.Trap, result.Context.ErrorCode));
        Assert.Equal((20 - Before, c.Context.Esi + Before, c.Context.Edi + Before), (result.Context.Ecx, result.Context.Esi, result.Context.Edi));
        for (uint i = 0; i < Before; i++)
        {
            Assert.Equal(Background.At(c.Context.Esi + i), result.Memory.ByteAt(c.Context.Edi + i));
        }
    }

    [Theory]
    [InlineData(new byte[] { 0x0F, 0x0B }, InvalidOpcode, 0u)]
    [InlineData(new byte[] { 0xF0, 0x90 }, InvalidOpcode, 0u)]
    [InlineData(new byte[] { 0xF4 }, GeneralProtection, 0u)]
    [InlineData(new byte[] { 0xFA }, GeneralProtection, 0u)]
    [InlineData(new byte[] { 0xEC }, GeneralProtection, 0u)]
    [InlineData(new byte[] { 0xCD, 0x40 }, GeneralProtection, (0x40u * 8) + 2)]
    [InlineData(new byte[] { 0x0F, 0x20, 0xC0 }, GeneralProtection, 0u)]
    [InlineData(new byte[] { 0x2E, 0x89, 0x00 }, GeneralProtection, 0u)]
    [InlineData(new byte[] { 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x3E, 0x90 }, GeneralProtection, 0u)]
    public void Forbidden_Instruction_FaultsAtItself(byte[] code, uint trap, uint errorCode)
    {
        InstructionCase c = HandMade.Case(code);
        CaseResult result = _host.Run(c);
        Assert.Equal((trap, errorCode, c.Context.Eip), (result.Context.Trap, result.Context.ErrorCode, result.Context.Eip));
    }

    [Theory]
    [InlineData(new byte[] { 0xCC }, Breakpoint)]
    [InlineData(new byte[] { 0xCD, 0x03 }, Breakpoint)]
    [InlineData(new byte[] { 0xCE }, OverflowTrap)]
    public void Trap_ReportsTheNextInstruction(byte[] code, uint trap)
    {
        InstructionCase c = HandMade.Case(code, (ref ProcessorContext context) => context.Eflags |= 0x800);
        CaseResult result = _host.Run(c);
        Assert.Equal((trap, c.Context.Eip + (uint)code.Length), (result.Context.Trap, result.Context.Eip));
    }

    [Fact]
    public void Bound_OutsideItsLimits_Faults()
    {
        // BOUND EAX, [ECX]
        InstructionCase c = HandMade.Case([0x62, 0x01], (ref ProcessorContext context) => (context.Eax, context.Ecx) = (11, AddressMap.HighData));
        c.AddPatch(AddressMap.HighData, [5, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        Assert.Equal(Bounds, _host.Run(c).Context.Trap);
    }

    [Fact]
    public void UnalignedLoad_UnderAlignmentCheck_Faults()
    {
        InstructionCase c = HandMade.Case([0x8B, 0x01], (ref ProcessorContext context) =>
            (context.Ecx, context.Eflags) = (AddressMap.HighData + 1, context.Eflags | 0x4_0000));
        Assert.Equal(AlignmentCheck, _host.Run(c).Context.Trap);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Call_PushesTheNextAddress(bool singleStep)
    {
        const uint Distance = 0x30;

        // CALL rel32
        InstructionCase c = HandMade.Case([0xE8, (byte)Distance, 0, 0, 0], flags: singleStep ? CaseFlags.SingleStep : CaseFlags.None);
        if (singleStep)
        {
            c.Landing = 0;
        }

        CaseResult result = _host.Run(c);
        uint next = c.Context.Eip + 5;
        Assert.Equal((ProcessorContext.NoTrap, next + Distance, HandMade.Stack - 4), (result.Context.Trap, result.Context.Eip, result.Context.Esp));
        Assert.Equal(next, Enumerable.Range(0, 4).Aggregate(0u, (sum, i) => sum | ((uint)result.Memory.ByteAt(HandMade.Stack - 4 + (uint)i) << (8 * i))));
    }

    [Fact]
    public void Jump_ToNowhere_IsCompleteBeforeTheFetchFaults()
    {
        // JMP ECX
        CaseResult result = _host.Run(HandMade.Case([0xFF, 0xE1], (ref ProcessorContext context) => context.Ecx = Nowhere));
        Assert.Equal((ProcessorContext.NoTrap, Nowhere), (result.Context.Trap, result.Context.Eip));
    }

    [Fact]
    public void Instruction_AcrossAnUnmappedPage_FaultsOnItsSecondPart()
    {
        // MOV EAX, imm32
        InstructionCase c = HandMade.Case([0xB8, 1, 2, 3, 4], (ref ProcessorContext context) => context.Eip = AddressMap.Edges + AddressMap.PageBytes - 2);
        CaseResult result = _host.Run(c);
        Assert.Equal((PageFault, c.Context.Eip, AddressMap.Edges + AddressMap.PageBytes), (result.Context.Trap, result.Context.Eip, result.Context.Cr2));
        c.Context.Eip += AddressMap.EdgePairBytes;
        result = _host.Run(c);
        Assert.Equal((ProcessorContext.NoTrap, 0x0403_0201u), (result.Context.Trap, result.Context.Eax));
    }

    [Theory]
    [InlineData(0x0000, true)]
    [InlineData(0x0023, true)]
    [InlineData(0x002B, true)]
    [InlineData(0xFFF8, false)]
    public void LoadOfDs_TakesTheSelectorOrFaults(ushort selector, bool valid)
    {
        // MOV DS, AX
        InstructionCase c = HandMade.Case([0x8E, 0xD8], (ref ProcessorContext context) => context.Eax = selector, CaseFlags.SingleStep);
        CaseResult result = _host.Run(c);
        if (valid)
        {
            Assert.Equal((ProcessorContext.NoTrap, (uint)selector), (result.Context.Trap, result.Context.Ds & 0xFFFF));
        }
        else
        {
            Assert.Equal((GeneralProtection, (uint)selector), (result.Context.Trap, result.Context.ErrorCode));
        }
    }

    [Fact]
    public void Load_ThroughFs_StopsAtItsLimit()
    {
        // MOV EAX, FS:[ECX]; the last byte of the segment is at offset 9EFFh.
        InstructionCase Load(uint offset) => HandMade.Case([0x64, 0x8B, 0x01], (ref ProcessorContext context) => context.Ecx = offset);
        uint last = LocalDescriptors.All[0].Limit - 3;
        CaseResult result = _host.Run(Load(last));
        uint address = LocalDescriptors.All[0].Base + last;
        Assert.Equal(
            (ProcessorContext.NoTrap, (uint)(Background.At(address) | (Background.At(address + 1) << 8) | (Background.At(address + 2) << 16) | (Background.At(address + 3) << 24))),
            (result.Context.Trap, result.Context.Eax));
        Assert.Equal(GeneralProtection, _host.Run(Load(last + 1)).Context.Trap);
    }
}
