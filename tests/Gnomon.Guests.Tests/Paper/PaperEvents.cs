using Gnomon.Cpu;

namespace Gnomon.Guests.Tests.Paper;

/// <summary>The clock, interrupts and traps: what is done to the guest's stack and registers. One instruction takes one nanosecond.</summary>
internal sealed class PaperEvents(PaperMachine machine)
{
    private const uint IrqEnabled = 0;
    private const uint Blocked = 4;
    private const uint IrqPending = 20;
    private const uint Interrupt = 0x200;
    private const uint NotInHandler = (1 << 8) | (1 << 14) | (1 << 16) | (1 << 17); // TF NT RF VM

    private uint _pending;
    private ulong _skipped;
    private ulong? _deadline;

    public bool IsHalted { get; set; }

    /// <summary>Where the guest's page lies; null before it has said so.</summary>
    public uint? Page { get; set; }

    public uint NoIrqIret { get; set; }

    public uint StackSegment { get; set; } = 0x69;

    public uint StackPointer { get; set; }

    public int Budget => (int)Math.Clamp((long)(_deadline ?? ulong.MaxValue >> 1) - (long)Now, 1, 1_000_000);

    private ulong Now => machine.Cpu.Instructions + _skipped;

    public void Raise(byte irq) => _pending |= 1u << irq;

    public void SetClock(uint nanoseconds) => _deadline = nanoseconds == 0 ? null : Now + nanoseconds;

    public void SetTime()
    {
        ulong now = Now;
        Write(12, 1_000_000 + (uint)(now / 1_000_000_000));
        Write(16, (uint)(now % 1_000_000_000));
    }

    public bool SkipToNextEvent()
    {
        if (_deadline is not { } deadline)
        {
            return false;
        }

        _skipped += deadline > Now ? deadline - Now : 0;
        return (Read(Blocked) & 1) == 0;
    }

    public void DeliverInterrupts()
    {
        if (_deadline <= Now)
        {
            _deadline = null;
            Raise(0);
        }

        if (Page is null)
        {
            return;
        }

        uint ready = _pending & ~Read(Blocked);
        if (ready == 0)
        {
            Write(IrqPending, 0);
            return;
        }

        int irq = System.Numerics.BitOperations.TrailingZeroCount(ready);
        if (IsHalted)
        {
            IsHalted = false;
            Write(IrqEnabled, Interrupt);
        }

        if ((Read(IrqEnabled) & Interrupt) == 0)
        {
            Write(IrqPending, Interrupt);
            return;
        }

        if (machine.Descriptors.Gate((byte)(32 + irq)) is null)
        {
            return;
        }

        _pending &= ~(1u << irq);
        SetTime();
        Push((byte)(32 + irq), hasCode: false, 0, isInterrupt: true);
        if ((_pending & ~Read(Blocked)) == 0)
        {
            Write(IrqPending, 0);
        }
    }

    public void Reflect(byte vector, bool hasCode, uint code)
    {
        if (vector == 14 && hasCode && Page is not null)
        {
            Write(8, machine.Cpu.Registers.Cr2);
        }

        if (machine.Descriptors.Gate(vector) is null)
        {
            machine.Kill($"trap 0x{vector:x} at {machine.Cpu.Registers.Eip:x}, code {code:x}, and no gate for it");
            return;
        }

        bool needsCode = vector is 8 or (>= 10 and <= 14) or 17;
        Push(vector, needsCode, code, isInterrupt: false);
    }

    private void Push(byte vector, bool hasCode, uint code, bool isInterrupt)
    {
        ProcessorRegisters registers = machine.Cpu.Registers;
        (uint handler, bool isInterruptGate, _) = machine.Descriptors.Gate(vector)!.Value;
        uint flags = registers.Eflags;
        if (isInterrupt && registers.Cpl == 1 && registers.Eip == NoIrqIret)
        {
            // As if the iret had been done: its frame is what the handler finds.
            flags = PopFlags(registers[GeneralRegister.Esp] + 8);
        }
        else
        {
            uint pushed = Page is not null && (Read(IrqEnabled) & Interrupt) == 0 ? flags & ~Interrupt : flags;
            uint at = registers[GeneralRegister.Esp];
            bool inner = registers.Cpl != 1;
            SegmentValue stack = registers.Segment(SegmentName.Ss);
            List<uint> words = [];
            if (inner)
            {
                words = [stack.Selector, at];
                at = StackPointer;
                stack = machine.Descriptors.Load((ushort)StackSegment, code: false) ?? default;
                if (stack.Selector == 0)
                {
                    machine.Kill($"stack segment {StackSegment:x}");
                    return;
                }
            }

            words.AddRange([pushed, registers.Segment(SegmentName.Cs).Selector, registers.Eip]);
            if (hasCode)
            {
                words.Add(code);
            }

            foreach (uint word in words)
            {
                at -= 4;
                WriteStack(stack.Base + at, word);
            }

            registers.SetSegment(SegmentName.Ss, stack);
            registers[GeneralRegister.Esp] = at;
        }

        registers.SetSegment(SegmentName.Cs, machine.Descriptors.Load(0x61, code: true) ?? default);
        registers.Cpl = 1;
        registers.Eip = handler;
        registers.Eflags = (flags & ~NotInHandler) | Interrupt;
        if (isInterruptGate && Page is not null)
        {
            Write(IrqEnabled, 0);
        }
    }

    private uint PopFlags(uint address)
    {
        if (machine.Shadow.Translate(address, write: false) is not { } at)
        {
            machine.Kill($"stack {address:x}");
            return 2;
        }

        return (machine.Memory.Read32(at) & ~0x3000u) | Interrupt;
    }

    private void WriteStack(uint address, uint value)
    {
        for (int i = 0; i < 4; i++)
        {
            if (machine.Shadow.Translate(address + (uint)i, write: true) is not { } at)
            {
                machine.Kill($"stack {address:x}");
                return;
            }

            machine.Memory.Bytes(at, 1)[0] = (byte)(value >> (8 * i));
        }
    }

    private uint Read(uint offset) => Page is { } page ? machine.Memory.Read32(page + offset) : 0;

    private void Write(uint offset, uint value) => machine.Memory.Write32(Page!.Value + offset, value);
}
