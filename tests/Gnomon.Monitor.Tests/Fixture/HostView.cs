using System.Buffers.Binary;
using Gnomon.Memory;

namespace Gnomon.Monitor.Tests.Fixture;

/// <summary>What the CPU sees in a host CPU's state page and the guest's register page, read by what the CPU's registers name.</summary>
internal sealed class HostView(TinyMachine machine)
{
    /// <summary>The state page of the host CPU that the guest uses.</summary>
    public Span<byte> State => machine.Host.Bytes(machine.Switcher.Pages.State(machine.Guest.HostCpu));

    /// <summary>A gate of the real IDT.</summary>
    public RealGate Gate(int vector)
    {
        ulong value = BinaryPrimitives.ReadUInt64LittleEndian(State[(int)((machine.Guest.Processor.Registers.Idt.Base & 0xFFF) + (vector * 8))..]);
        return new RealGate(value);
    }

    /// <summary>Changes a gate of the real IDT behind the monitor's back.</summary>
    public void SetGate(int vector, RealGate gate) =>
        BinaryPrimitives.WriteUInt64LittleEndian(State[(int)((machine.Guest.Processor.Registers.Idt.Base & 0xFFF) + (vector * 8))..], gate.Value);

    /// <summary>A descriptor of the real GDT.</summary>
    public ulong Descriptor(int index) =>
        BinaryPrimitives.ReadUInt64LittleEndian(State[(int)((machine.Guest.Processor.Registers.Gdt.Base & 0xFFF) + (index * 8))..]);

    /// <summary>A dword of the real TSS.</summary>
    public uint Task(int offset) =>
        BinaryPrimitives.ReadUInt32LittleEndian(State[(int)((machine.Guest.Processor.Registers.Task.Base & 0xFFF) + offset)..]);

    /// <summary>A word of the trap frame: the 72 bytes at the end of the register page, lowest first.</summary>
    public uint Frame(int word) =>
        BinaryPrimitives.ReadUInt32LittleEndian(machine.Host.Bytes(machine.Guest.Mmu.Cpu(0).RegisterPage)[(PageSize.Bytes - 72 + (word * 4))..]);
}

/// <summary>A 32-bit gate (Intel SDM vol. 3, figure 6-2).</summary>
internal readonly record struct RealGate(ulong Value)
{
    public uint Offset => (uint)(Value & 0xFFFF) | (uint)((Value >> 32) & 0xFFFF_0000);

    public uint Selector => (uint)(Value >> 16) & 0xFFFF;

    public int Type => (int)(Value >> 40) & 0x1F;

    public int Level => (int)(Value >> 45) & 3;

    public bool IsPresent => (Value >> 47 & 1) != 0;
}
