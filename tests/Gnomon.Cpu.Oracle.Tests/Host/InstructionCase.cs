using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gnomon.Cpu.Oracle.Tests.Host;

[Flags]
internal enum CaseFlags : uint
{
    None = 0,

    /// <summary>
    /// The host stops after the instruction by the trap flag, because it may change segments or go anywhere; that is the host's own
    /// affair, TF is clear in the case and in its result.
    /// </summary>
    SingleStep = 1,

    /// <summary>The x87 state is loaded before and compared after.</summary>
    Fpu = 2,
}

[InlineArray(InstructionCase.MaxPatches)]
internal struct PatchAddresses
{
    private uint _first;
}

[InlineArray(InstructionCase.MaxPatches * InstructionCase.PatchBytes)]
internal struct PatchData
{
    private byte _first;
}

[InlineArray(InstructionCase.MaxCodeBytes)]
internal struct CodeBytes
{
    private byte _first;
}

[InlineArray(FpuState.Bytes)]
internal struct FpuImage
{
    private byte _first;
}

/// <summary>
/// One instruction and everything that it starts from: registers, the x87 state as an FXSAVE image, and what differs in the data pages
/// from <see cref="Background"/>. The first <see cref="HostBytes"/> bytes lie in this layout in front of the host's runner.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct InstructionCase
{
    public const int MaxPatches = 4;
    public const int PatchBytes = 16;
    public const int MaxCodeBytes = 16;
    public const int HostBytes = 256;
    public const int FlagsOffset = ProcessorContext.Bytes;
    public const int PatchCountOffset = FlagsOffset + 4;
    public const int PatchAddressesOffset = PatchCountOffset + 4;
    public const int PatchDataOffset = PatchAddressesOffset + (4 * MaxPatches);

    public ProcessorContext Context;
    public CaseFlags Flags;
    public int PatchCount;
    public PatchAddresses PatchAddresses;
    public PatchData PatchData;
    public CodeBytes Code;
    public int CodeLength;

    /// <summary>Where a taken branch goes, if that lies in the case's own slot; else zero.</summary>
    public uint Landing;

    /// <summary>The seed: together with <see cref="Wanted"/> it makes this case again.</summary>
    public ulong Seed;

    /// <summary>The instruction that was asked for; <see cref="Iced.Intel.Code.INVALID"/> for random bytes.</summary>
    public Code Wanted;

    /// <summary>The x87 state before the instruction; only with <see cref="CaseFlags.Fpu"/>.</summary>
    public FpuImage Fpu;

    [UnscopedRef]
    public readonly ReadOnlySpan<byte> CodeSpan => Code[..CodeLength];

    /// <summary>Sixteen bytes of data memory that differ from the background; they must lie in writable pages.</summary>
    public void AddPatch(uint address, ReadOnlySpan<byte> data)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(PatchCount, MaxPatches);
        ArgumentOutOfRangeException.ThrowIfNotEqual(AddressMap.IsWritable(address, PatchBytes), true, nameof(address));
        PatchAddresses[PatchCount] = address;
        data.CopyTo(((Span<byte>)PatchData).Slice(PatchCount * PatchBytes, PatchBytes));
        PatchCount++;
    }

    /// <summary>Where a patch begins. Patches are made in order: a later one overwrites an earlier one.</summary>
    public readonly uint PatchAddress(int index) => PatchAddresses[index];

    [UnscopedRef]
    public readonly ReadOnlySpan<byte> PatchBytesOf(int index) => ((ReadOnlySpan<byte>)PatchData).Slice(index * PatchBytes, PatchBytes);

    /// <summary>The instruction, decoded for a 32-bit code segment.</summary>
    public readonly Instruction Decode() => Disassembly.Decode(CodeSpan, Context.Eip);
}
