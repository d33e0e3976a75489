using Gnomon.Cpu.Events;
using Gnomon.Cpu.Memory;
using static Gnomon.Cpu.Events.SystemMemory;

namespace Gnomon.Cpu.Instructions;

/// <summary>Transfers through call gates (Intel SDM vol. 3, 5.8.3 to 5.8.5).</summary>
// SAFETY: the state is that of a live Processor.
internal static unsafe class CallGate
{
    private const int MostParameters = 31;

    /// <summary>Goes through a gate that may be used and is present.</summary>
    /// <returns>False: nothing has changed, and the reason is recorded.</returns>
    public static bool TryEnter<TTransfer>(CpuState* c, in Descriptor gate, uint next)
        where TTransfer : struct, IFarTransfer
    {
        ushort selector = gate.GateSelector;
        if (DescriptorTable.IsNull(selector))
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        if (!DescriptorTable.TryRead(c, selector, Vector.GeneralProtection, 0, out Descriptor code))
        {
            return false;
        }

        // A jump changes no level.
        bool fits = code.IsCode && code.Dpl <= c->Cpl && (TTransfer.Returns || code.IsConforming || code.Dpl == c->Cpl);
        if (!fits)
        {
            return Fail(c, Vector.GeneralProtection, code.ErrorCode);
        }

        if (!code.IsPresent)
        {
            return Fail(c, Vector.SegmentNotPresent, code.ErrorCode);
        }

        return !code.IsConforming && code.Dpl < c->Cpl
            ? TryEnterInner(c, in gate, in code, next)
            : FarTransfers.TryEnterSame<TTransfer>(c, in code, gate.GateOffset, next, gate.IsGate32);
    }

    private static bool TryEnterInner(CpuState* c, in Descriptor gate, in Descriptor code, uint next)
    {
        int cpl = code.Dpl;
        if (!InnerStack.TryFind(c, cpl, 0, out InnerStack stack))
        {
            return false;
        }

        StackWriter frame = new(stack.Segment, stack.Pointer, gate.IsGate32, user: false);
        frame.Push(c->Segments[Segment.Ss].Selector);
        frame.Push(c->Registers[Stack.Esp]);
        if (!TryPushParameters(c, in gate, ref frame))
        {
            return false;
        }

        frame.Push(c->Segments[Segment.Cs].Selector);
        frame.Push(next);
        if (!frame.TryProbe(c, stack.Descriptor.ErrorCode))
        {
            return false;
        }

        if (gate.GateOffset > code.Limit)
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        if (!DescriptorTable.TryMarkAccessed(c, in code) || !DescriptorTable.TryMarkAccessed(c, stack.Descriptor) || !frame.TryWrite(c))
        {
            return false;
        }

        c->Segments[Segment.Ss] = stack.Segment;
        c->Registers[Stack.Esp] = frame.Pointer;
        code.LoadTo(ref c->Segments[Segment.Cs], (ushort)((code.Selector & ~3) | cpl));
        c->Cpl = cpl;
        c->Eip = gate.GateOffset;
        ProcessorMode.Refresh(c);
        return true;
    }

    // The deepest one first, so that they lie in the same order.
    private static bool TryPushParameters(CpuState* c, in Descriptor gate, ref StackWriter frame)
    {
        uint size = gate.IsGate32 ? 4u : 2u;
        for (int i = Math.Min(gate.GateParameters, MostParameters) - 1; i >= 0; i--)
        {
            uint offset = (c->Registers[Stack.Esp] + (size * (uint)i)) & Stack.PointerMask(c);
            if (!Access.TryRead(c, Segment.Ss, offset, size, out uint value))
            {
                return false;
            }

            frame.Push(value);
        }

        return true;
    }
}
