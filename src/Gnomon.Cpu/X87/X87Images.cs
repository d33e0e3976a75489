using System.Buffers.Binary;

namespace Gnomon.Cpu.X87;

/// <summary>The four layouts of FNSTENV and FNSAVE (Intel SDM vol. 1, figures 8-9 to 8-12).</summary>
internal enum X87ImageFormat
{
    /// <summary>32-bit operand size, protected mode: 28 and 108 bytes.</summary>
    Protected32,

    /// <summary>32-bit operand size, real-address or virtual-8086 mode: 28 and 108 bytes.</summary>
    Real32,

    /// <summary>16-bit operand size, protected mode: 14 and 94 bytes.</summary>
    Protected16,

    /// <summary>16-bit operand size, real-address or virtual-8086 mode: 14 and 94 bytes.</summary>
    Real16,
}

/// <summary>The images of the environment and of the whole state in memory (Intel SDM vol. 1, 8.1.10 and 8.1.11). The writers leave
/// the state as it is; when the bytes are in memory, the caller commits.</summary>
internal static class X87Images
{
    private const ushort ControlMask = 0x1F7F;
    private const int RegisterBytes = 10;

    /// <summary>The bytes of an environment: 28 or 14.</summary>
    public static int EnvironmentLength(X87ImageFormat format) =>
        format is X87ImageFormat.Protected32 or X87ImageFormat.Real32 ? 28 : 14;

    /// <summary>The bytes of a whole state: 108 or 94.</summary>
    public static int SaveLength(X87ImageFormat format) => EnvironmentLength(format) + (8 * RegisterBytes);

    /// <summary>FLDCW: reserved bits are ignored, and bit 6 reads as 1.</summary>
    public static void LoadControl(ref X87State state, ushort control)
    {
        SetControl(ref state, control);
        state.UpdateSummary();
    }

    /// <summary>FNCLEX.</summary>
    public static void ClearExceptions(ref X87State state) =>
        state.Status &= unchecked((ushort)~(X87Status.Exceptions | X87Status.StackFault | X87Status.ErrorSummary | X87Status.Busy));

    /// <summary>The bytes of FNSTENV.</summary>
    public static void WriteEnvironment(in X87State state, Span<byte> image, X87ImageFormat format)
    {
        if (EnvironmentLength(format) == 28)
        {
            // The upper halves of the words are reserved; processors write ones there.
            image[..28].Fill(0xFF);
            BinaryPrimitives.WriteUInt16LittleEndian(image, state.Control);
            BinaryPrimitives.WriteUInt16LittleEndian(image[4..], state.Status);
            BinaryPrimitives.WriteUInt16LittleEndian(image[8..], state.TagWord);
        }
        else
        {
            BinaryPrimitives.WriteUInt16LittleEndian(image, state.Control);
            BinaryPrimitives.WriteUInt16LittleEndian(image[2..], state.Status);
            BinaryPrimitives.WriteUInt16LittleEndian(image[4..], state.TagWord);
        }
        switch (format)
        {
            case X87ImageFormat.Protected32:
                BinaryPrimitives.WriteUInt32LittleEndian(image[12..], state.InstructionPointer);
                BinaryPrimitives.WriteUInt16LittleEndian(image[16..], state.InstructionSelector);
                BinaryPrimitives.WriteUInt16LittleEndian(image[18..], (ushort)(state.LastOpcode & 0x7FF));
                BinaryPrimitives.WriteUInt32LittleEndian(image[20..], state.DataPointer);
                BinaryPrimitives.WriteUInt16LittleEndian(image[24..], state.DataSelector);
                break;
            case X87ImageFormat.Protected16:
                BinaryPrimitives.WriteUInt16LittleEndian(image[6..], (ushort)state.InstructionPointer);
                BinaryPrimitives.WriteUInt16LittleEndian(image[8..], state.InstructionSelector);
                BinaryPrimitives.WriteUInt16LittleEndian(image[10..], (ushort)state.DataPointer);
                BinaryPrimitives.WriteUInt16LittleEndian(image[12..], state.DataSelector);
                break;
            case X87ImageFormat.Real32:
                uint linear = Linear(state.InstructionSelector, state.InstructionPointer);
                BinaryPrimitives.WriteUInt16LittleEndian(image[12..], (ushort)linear);
                BinaryPrimitives.WriteUInt32LittleEndian(image[16..], ((linear >> 16) << 12) | (state.LastOpcode & 0x7FFu));
                linear = Linear(state.DataSelector, state.DataPointer);
                BinaryPrimitives.WriteUInt16LittleEndian(image[20..], (ushort)linear);
                BinaryPrimitives.WriteUInt32LittleEndian(image[24..], (linear >> 16) << 12);
                break;
            default:
                linear = Linear(state.InstructionSelector, state.InstructionPointer);
                BinaryPrimitives.WriteUInt16LittleEndian(image[6..], (ushort)linear);
                BinaryPrimitives.WriteUInt16LittleEndian(image[8..], (ushort)(((linear >> 16) << 12) | (state.LastOpcode & 0x7FFu)));
                linear = Linear(state.DataSelector, state.DataPointer);
                BinaryPrimitives.WriteUInt16LittleEndian(image[10..], (ushort)linear);
                BinaryPrimitives.WriteUInt16LittleEndian(image[12..], (ushort)((linear >> 16) << 12));
                break;
        }
    }

    /// <summary>After FNSTENV's bytes are in memory: all exceptions are masked.</summary>
    public static void CommitEnvironment(ref X87State state)
    {
        state.Control |= (ushort)X87Status.Exceptions;
        state.UpdateSummary();
    }

    /// <summary>FLDENV. In the real-mode layouts the pointers are linear addresses: the selectors become 0.</summary>
    public static void ReadEnvironment(ref X87State state, ReadOnlySpan<byte> image, X87ImageFormat format)
    {
        int step = EnvironmentLength(format) == 28 ? 4 : 2;
        SetControl(ref state, BinaryPrimitives.ReadUInt16LittleEndian(image));
        state.Status = BinaryPrimitives.ReadUInt16LittleEndian(image[step..]);
        state.UpdateSummary();
        SetTags(ref state, BinaryPrimitives.ReadUInt16LittleEndian(image[(2 * step)..]));
        switch (format)
        {
            case X87ImageFormat.Protected32:
                state.InstructionPointer = BinaryPrimitives.ReadUInt32LittleEndian(image[12..]);
                state.InstructionSelector = BinaryPrimitives.ReadUInt16LittleEndian(image[16..]);
                state.LastOpcode = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(image[18..]) & 0x7FF);
                state.DataPointer = BinaryPrimitives.ReadUInt32LittleEndian(image[20..]);
                state.DataSelector = BinaryPrimitives.ReadUInt16LittleEndian(image[24..]);
                break;
            case X87ImageFormat.Protected16:
                state.InstructionPointer = BinaryPrimitives.ReadUInt16LittleEndian(image[6..]);
                state.InstructionSelector = BinaryPrimitives.ReadUInt16LittleEndian(image[8..]);
                state.DataPointer = BinaryPrimitives.ReadUInt16LittleEndian(image[10..]);
                state.DataSelector = BinaryPrimitives.ReadUInt16LittleEndian(image[12..]);
                break;
            case X87ImageFormat.Real32:
                uint word = BinaryPrimitives.ReadUInt32LittleEndian(image[16..]);
                state.InstructionPointer = ((word >> 12) << 16) | BinaryPrimitives.ReadUInt16LittleEndian(image[12..]);
                state.LastOpcode = (ushort)(word & 0x7FF);
                word = BinaryPrimitives.ReadUInt32LittleEndian(image[24..]);
                state.DataPointer = ((word >> 12) << 16) | BinaryPrimitives.ReadUInt16LittleEndian(image[20..]);
                state.InstructionSelector = state.DataSelector = 0;
                break;
            default:
                word = BinaryPrimitives.ReadUInt16LittleEndian(image[8..]);
                state.InstructionPointer = ((word >> 12) << 16) | BinaryPrimitives.ReadUInt16LittleEndian(image[6..]);
                state.LastOpcode = (ushort)(word & 0x7FF);
                word = BinaryPrimitives.ReadUInt16LittleEndian(image[12..]);
                state.DataPointer = ((word >> 12) << 16) | BinaryPrimitives.ReadUInt16LittleEndian(image[10..]);
                state.InstructionSelector = state.DataSelector = 0;
                break;
        }
    }

    /// <summary>The bytes of FNSAVE: the environment, then ST(0) to ST(7) of 10 bytes each. When they are in memory the caller calls
    /// <see cref="X87State.Initialize"/>.</summary>
    public static void WriteSave(in X87State state, Span<byte> image, X87ImageFormat format)
    {
        WriteEnvironment(state, image, format);
        int offset = EnvironmentLength(format);
        for (int i = 0; i < 8; i++, offset += RegisterBytes)
        {
            Write(image[offset..], state.Get(i));
        }
    }

    /// <summary>FRSTOR.</summary>
    public static void ReadSave(ref X87State state, ReadOnlySpan<byte> image, X87ImageFormat format)
    {
        ReadEnvironment(ref state, image, format);
        int offset = EnvironmentLength(format);
        for (int i = 0; i < 8; i++, offset += RegisterBytes)
        {
            state.Registers[(state.Top + i) & 7] = Read(image[offset..]);
        }
    }

    /// <summary>The x87 part of FXSAVE outside 64-bit mode (Intel SDM vol. 1, 10.5.1): bytes 0 to 23 and the 10 bytes of each register
    /// at 32 + 16 i. MXCSR, the XMM registers and reserved bytes are not written. The state stays.</summary>
    public static void WriteFxsave(in X87State state, Span<byte> image)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(image, state.Control);
        BinaryPrimitives.WriteUInt16LittleEndian(image[2..], state.Status);
        BinaryPrimitives.WriteUInt16LittleEndian(image[4..], state.Occupied);
        BinaryPrimitives.WriteUInt16LittleEndian(image[6..], (ushort)(state.LastOpcode & 0x7FF));
        BinaryPrimitives.WriteUInt32LittleEndian(image[8..], state.InstructionPointer);
        BinaryPrimitives.WriteUInt32LittleEndian(image[12..], state.InstructionSelector);
        BinaryPrimitives.WriteUInt32LittleEndian(image[16..], state.DataPointer);
        BinaryPrimitives.WriteUInt32LittleEndian(image[20..], state.DataSelector);
        for (int i = 0; i < 8; i++)
        {
            Span<byte> slot = image.Slice(32 + (16 * i), 16);
            slot.Clear();
            Write(slot, state.Get(i));
        }
    }

    /// <summary>The x87 part of FXRSTOR outside 64-bit mode.</summary>
    public static void ReadFxrstor(ref X87State state, ReadOnlySpan<byte> image)
    {
        SetControl(ref state, BinaryPrimitives.ReadUInt16LittleEndian(image));
        state.Status = BinaryPrimitives.ReadUInt16LittleEndian(image[2..]);
        state.UpdateSummary();
        state.Occupied = image[4];
        state.LastOpcode = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(image[6..]) & 0x7FF);
        state.InstructionPointer = BinaryPrimitives.ReadUInt32LittleEndian(image[8..]);
        state.InstructionSelector = BinaryPrimitives.ReadUInt16LittleEndian(image[12..]);
        state.DataPointer = BinaryPrimitives.ReadUInt32LittleEndian(image[16..]);
        state.DataSelector = BinaryPrimitives.ReadUInt16LittleEndian(image[20..]);
        for (int i = 0; i < 8; i++)
        {
            state.Registers[(state.Top + i) & 7] = Read(image[(32 + (16 * i))..]);
        }
    }

    private static void SetControl(ref X87State state, ushort control) => state.Control = (ushort)((control & ControlMask) | 0x40);

    private static void SetTags(ref X87State state, ushort word)
    {
        uint occupied = 0;
        for (int i = 0; i < 8; i++)
        {
            occupied |= ((word >> (2 * i)) & 3) == 3 ? 0 : 1u << i;
        }
        state.Occupied = (byte)occupied;
    }

    private static uint Linear(ushort selector, uint offset) => ((uint)selector << 4) + offset;

    private static void Write(Span<byte> bytes, Float80 value)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value.Significand);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[8..], value.SignExponent);
    }

    private static Float80 Read(ReadOnlySpan<byte> bytes) =>
        new(BinaryPrimitives.ReadUInt64LittleEndian(bytes), BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]));
}
