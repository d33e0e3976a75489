using Gnomon.Cpu.Memory;
using Gnomon.Memory;

namespace Gnomon.Cpu.Bare;

/// <summary>
/// The smallest machine: a processor, RAM, perhaps a ROM, and ports. No interrupts, no devices in memory. For programs that need no
/// more: tests of the processor, a BIOS's first steps, a teacher's examples.
/// </summary>
// SAFETY: the processor's state is only passed on, and lives as long as the processor does.
public sealed unsafe class BareMachine : IDisposable
{
    private readonly HostMemory _host;
    private readonly IPortBus _ports;

    /// <summary>Makes a machine; its processor is in the state after reset.</summary>
    /// <param name="ramMiB">RAM in MiB, 1 … <see cref="BareMemory.MaxRamMiB"/>.</param>
    /// <param name="rom">The ROM, as for <see cref="BareMemory"/>.</param>
    /// <param name="ports">What is behind the ports.</param>
    /// <param name="options">What can be chosen of the processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is out of range.</exception>
    /// <exception cref="InsufficientMemoryException">The host has no such range of addresses.</exception>
    public BareMachine(int ramMiB, ReadOnlySpan<byte> rom, IPortBus ports, ProcessorOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ramMiB, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ramMiB, BareMemory.MaxRamMiB);
        _ports = ports;
        _host = new HostMemory(ramMiB + BareMemory.OverheadMiB);
        try
        {
            Memory = new BareMemory(_host, ramMiB, rom);
        }
        catch
        {
            _host.Dispose();
            throw;
        }

        Processor = new Processor(Memory, options);
    }

    /// <summary>RAM and ROM.</summary>
    public BareMemory Memory { get; }

    /// <summary>The processor.</summary>
    public Processor Processor { get; }

    /// <summary>Runs instructions.</summary>
    /// <param name="instructions">How many at most, 1 or more.</param>
    /// <returns>Why it came back.</returns>
    public BareEnd Run(long instructions)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(instructions, 1);
        ulong end = Processor.Instructions + (ulong)instructions;
        while (true)
        {
            CpuExit exit = Processor.Run((int)Math.Min(end - Processor.Instructions, 1UL << 30));
            if (!TryGoOn(exit, out BareEnd why) || Processor.Instructions >= end)
            {
                return why;
            }
        }
    }

    /// <summary>Runs one instruction, or delivers one exception or software interrupt: that of the instruction at EIP if it faults.</summary>
    public BareStep Step()
    {
        ulong before = Processor.Instructions;
        long events = Processor.LastEvent.Count;
        bool isTrap = Processor.State->Pending == Pending.Exception;
        BareEnd why;
        do
        {
            if (!TryGoOn(Processor.Run(1), out why))
            {
                break;
            }
        }
        while (Processor.Instructions == before);

        (long count, byte vector, uint code) = Processor.LastEvent;
        return count == events
            ? new BareStep(why, Processor.Instructions != before, null, 0, false)
            : new BareStep(why, false, vector, code, isTrap);
    }

    /// <summary>Reads bytes at a linear address as the processor would, without setting A or filling a TLB.</summary>
    /// <returns>How many could be read: fewer where the next page is not mapped.</returns>
    public int Read(uint address, Span<byte> bytes)
    {
        int done = 0;
        while (done < bytes.Length)
        {
            uint at = address + (uint)done;
            if (!LookWalk.TryTranslate(Processor.State, Memory, at, out ulong physical))
            {
                break;
            }

            int part = Math.Min(bytes.Length - done, PageSize.Bytes - (int)(at & PageSize.OffsetMask));
            Memory.Read(physical, bytes.Slice(done, part));
            done += part;
        }

        return done;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Processor.Dispose();
        Memory.Dispose();
        _host.Dispose();
    }

    // False when the run ends here; why then says how. When it goes on, why is what an end by the budget would be.
    private bool TryGoOn(in CpuExit exit, out BareEnd why)
    {
        why = BareEnd.Budget;
        switch (exit.Reason)
        {
            case CpuExitReason.Budget:
                return true;
            case CpuExitReason.Port when exit.IsWrite:
                _ports.Write(exit.Port, exit.Size, (uint)exit.Value);
                Processor.CompleteWrite();
                return true;
            case CpuExitReason.Port:
                Processor.CompleteRead(_ports.Read(exit.Port, exit.Size) & (uint.MaxValue >> (32 - (8 * exit.Size))));
                return true;
            case CpuExitReason.Device when exit.IsWrite:
                Processor.CompleteWrite();
                return true;
            case CpuExitReason.Device:
                Processor.CompleteRead(ReadOutside(exit.Physical, exit.Size));
                return true;
            case CpuExitReason.Attention:
                why = BareEnd.Attention;
                return false;
            case CpuExitReason.Halt:
                why = (Processor.Registers.Eflags & Flags.Interrupt) == 0 ? BareEnd.Halted : BareEnd.Waiting;
                return false;
            case CpuExitReason.TripleFault:
                why = BareEnd.TripleFault;
                return false;
            default:
                throw new InvalidOperationException($"A bare machine has no exit of kind {exit.Reason}.");
        }
    }

    // A read of what cannot be written, by an instruction that reads and writes: the ROM, or the open bus.
    private ulong ReadOutside(ulong physical, int size)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        Memory.Read(physical, bytes[..size]);
        return BitConverter.ToUInt64(bytes);
    }
}
