using System.Buffers.Binary;
using System.Globalization;

namespace Gnomon.Cpu.X87.Tests;

/// <summary>One instruction on the host and on Gnomon: whole images, memory operands and flags must agree.</summary>
internal sealed class HostComparison(HostFpu host)
{
    private const int ImageLength = 108;

    private readonly byte[] _before = new byte[ImageLength];
    private readonly byte[] _after = new byte[ImageLength];
    private readonly byte[] _expected = new byte[ImageLength];
    private readonly byte[] _operand = new byte[128];
    private readonly byte[] _hostOperand = new byte[128];

    /// <summary>Null if they agree, else a description. <paramref name="ignoredStatus"/> are status bits that are not compared,
    /// and <paramref name="ignoredFlags"/> such bits of EFLAGS.</summary>
    public string? Compare(in X87State before, int opcode, int modrm, ReadOnlySpan<byte> operand, uint eflags, uint ignoredStatus = 0, uint ignoredFlags = 0)
    {
        X87State state = before;
        X87Images.WriteSave(state, _before, X87ImageFormat.Protected32);
        operand.CopyTo(_operand);
        operand.CopyTo(_hostOperand);
        ulong result = host.Run(opcode, modrm, _before, _expected, _hostOperand, eflags);
        uint flags = eflags;
        uint ax = 0xA5A5;
        if (modrm >= 0xC0)
        {
            X87RegisterEffect effect = X87RegisterForms.Execute(ref state, (uint)opcode, (uint)modrm, eflags, out uint newFlags);
            Assert.NotEqual(X87RegisterEffect.Undefined, effect);
            flags = effect == X87RegisterEffect.Flags ? (eflags & ~0x8D5u) | newFlags : eflags;
            ax = effect == X87RegisterEffect.StatusToAx ? state.Status : ax;
        }
        else
        {
            Memory(ref state, (uint)opcode, (uint)(modrm >> 3) & 7);
        }
        X87Images.WriteSave(state, _after, X87ImageFormat.Protected32);
        // The pointers and the opcode are the caller's, and tested elsewhere.
        _expected.AsSpan(12, 16).CopyTo(_after.AsSpan(12));
        ushort difference = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(_after.AsSpan(4)) ^ BinaryPrimitives.ReadUInt16LittleEndian(_expected.AsSpan(4)));
        bool statusEqual = (difference & ~ignoredStatus) == 0;
        _expected.AsSpan(4, 2).CopyTo(_after.AsSpan(4));
        bool imagesEqual = _after.AsSpan().SequenceEqual(_expected);
        bool operandsEqual = _operand.AsSpan().SequenceEqual(_hostOperand);
        bool flagsEqual = (((uint)(result >> 32) ^ flags) & 0x8D5 & ~ignoredFlags) == 0 && (uint)result == ax;
        if (statusEqual && imagesEqual && operandsEqual && flagsEqual)
        {
            return null;
        }
        X87State expected = default;
        X87Images.ReadSave(ref expected, _expected, X87ImageFormat.Protected32);
        return string.Create(CultureInfo.InvariantCulture, $"""
            {opcode:X2} {modrm:X2} operand {Convert.ToHexString(operand[..10])} eflags {eflags:X}
            before:   {Describe(before)}
            expected: {Describe(expected)} operand {Convert.ToHexString(_hostOperand.AsSpan(0, 10))} flags {result >> 32:X} ax {(uint)result:X}
            got:      {Describe(state)} operand {Convert.ToHexString(_operand.AsSpan(0, 10))} flags {flags:X} ax {ax:X}
            """);
    }

    private static string Describe(in X87State state)
    {
        string text = $"CW {state.Control:X4} SW {state.Status:X4} TW {state.TagWord:X4}";
        for (int i = 0; i < 8; i++)
        {
            text += $" {state.Get(i)}";
        }
        return text;
    }

    private void Memory(ref X87State state, uint opcode, uint reg)
    {
        X87MemoryForm form = X87MemoryForms.Describe(opcode, reg);
        switch (form.Use)
        {
            case X87MemoryUse.Load:
                ulong low = BinaryPrimitives.ReadUInt64LittleEndian(_operand);
                ushort high = BinaryPrimitives.ReadUInt16LittleEndian(_operand.AsSpan(8));
                X87MemoryForms.Load(ref state, opcode, reg, low, high);
                break;
            case X87MemoryUse.Store:
                X87State untouched = state;
                X87PendingStore store = X87MemoryForms.PrepareStore(state, opcode, reg);
                Assert.True(store.Length == 0 || store.Length == form.Length);
                Span<byte> bytes = stackalloc byte[10];
                BinaryPrimitives.WriteUInt64LittleEndian(bytes, store.Low);
                BinaryPrimitives.WriteUInt16LittleEndian(bytes[8..], store.High);
                bytes[..store.Length].CopyTo(_operand);
                Assert.Equal(untouched.Status, state.Status);
                X87Stores.Commit(ref state, store);
                break;
            case X87MemoryUse.LoadControl:
                X87Images.LoadControl(ref state, BinaryPrimitives.ReadUInt16LittleEndian(_operand));
                break;
            case X87MemoryUse.StoreControl:
                BinaryPrimitives.WriteUInt16LittleEndian(_operand, state.Control);
                break;
            case X87MemoryUse.StoreStatus:
                BinaryPrimitives.WriteUInt16LittleEndian(_operand, state.Status);
                break;
            case X87MemoryUse.LoadEnvironment:
                X87Images.ReadEnvironment(ref state, _operand, X87ImageFormat.Protected32);
                break;
            case X87MemoryUse.StoreEnvironment:
                X87Images.WriteEnvironment(state, _operand, X87ImageFormat.Protected32);
                // The pointers are the caller's.
                _hostOperand.AsSpan(12, 16).CopyTo(_operand.AsSpan(12));
                X87Images.CommitEnvironment(ref state);
                break;
            case X87MemoryUse.Restore:
                X87Images.ReadSave(ref state, _operand, X87ImageFormat.Protected32);
                break;
            case X87MemoryUse.Save:
                X87Images.WriteSave(state, _operand, X87ImageFormat.Protected32);
                _hostOperand.AsSpan(12, 16).CopyTo(_operand.AsSpan(12));
                state.Initialize();
                break;
            default:
                Assert.Fail($"{opcode:X2} /{reg} has no memory form");
                break;
        }
    }
}
