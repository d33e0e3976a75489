using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Gnomon.Cpu.X87;

namespace Gnomon.Cpu;

/// <summary>
/// Everything that a processor is between two instructions. One blittable struct in native memory, so that an op (and later
/// translated code) reaches each field at a fixed offset from one pointer. What the fast path touches lies in the first 128 bytes.
/// </summary>
// SAFETY: lives in native memory owned by one Processor; the pointers in it point into memory that the same Processor owns.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CpuState
{
    /// <summary>EAX ECX EDX EBX ESP EBP ESI EDI. Must come first: ops hold byte offsets from the start of the state.</summary>
    public fixed uint Registers[8];

    /// <summary>Always zero: the base or index register that an address does not have.</summary>
    public uint Zero;

    /// <summary>Inside a block: the offset of the block's first instruction. Between blocks: of the next instruction.</summary>
    public uint Eip;

    /// <summary>The result that ZF, SF and PF are derived from. See <see cref="Flags"/>.</summary>
    public uint Result;

    /// <summary>The carries that CF, OF and AF are derived from. See <see cref="Flags"/>.</summary>
    public uint Carries;

    /// <summary>The flags that are no status flags, as they stand in EFLAGS, bit 1 set (<see cref="Flags.NotStatus"/>).</summary>
    public uint SystemFlags;

    /// <summary>Instructions that may still start.</summary>
    public int Budget;

    /// <summary>Not zero when someone wants the processor back at the next block boundary. Written by other threads.</summary>
    public int Attention;

    /// <summary>The current privilege level, 0 … 3; 3 in virtual-8086 mode, 0 in real mode.</summary>
    public int Cpl;

    /// <summary>The TLB of the current privilege; an empty one while the fast path must not be taken.</summary>
    public TlbEntry* Tlb;

    /// <summary>Where jumps to another page find their block.</summary>
    public JumpEntry* Jumps;

    /// <summary>What an entry of <see cref="Jumps"/> must have been made under: mode, privilege, and a number that changes with every flush.</summary>
    public uint JumpKey;

    /// <summary>What a block's decoding depends on (<see cref="BlockMode"/>), kept up to date by whoever changes a segment or mode.</summary>
    public BlockMode Mode;

    /// <summary>Why the fast path was left (<see cref="Pending"/>).</summary>
    public Pending Pending;

    /// <summary>How the pending exception came about.</summary>
    public EventKind FaultKind;

    /// <summary>The exception to deliver, where <see cref="Pending"/> says so.</summary>
    public byte FaultVector;

    /// <summary>1 while the next instruction must run before any interrupt or debug trap (after MOV SS, POP SS), 2 after STI (interrupts only).</summary>
    public byte Shadow;

    /// <summary>The exception's error code, where it has one.</summary>
    public uint FaultCode;

    /// <summary>The linear address of a page fault.</summary>
    public uint FaultAddress;

    /// <summary>CS base, beside the fast fields: the linear address of an instruction is this plus <see cref="Eip"/>.</summary>
    public uint CodeBase;

    /// <summary>The six segment registers, in the order ES CS SS DS FS GS of the encoding.</summary>
    public SegmentRegisters Segments;

    /// <summary>The local descriptor table register.</summary>
    public SegmentRegister Ldt;

    /// <summary>The task register.</summary>
    public SegmentRegister Task;

    /// <summary>The global descriptor table.</summary>
    public TableRegister Gdt;

    /// <summary>The interrupt descriptor table.</summary>
    public TableRegister Idt;

    /// <summary>CR0.</summary>
    public uint Cr0;

    /// <summary>CR2: the address of the last page fault that was delivered.</summary>
    public uint Cr2;

    /// <summary>CR3.</summary>
    public uint Cr3;

    /// <summary>CR4.</summary>
    public uint Cr4;

    /// <summary>The four page-directory-pointer registers of PAE paging (Intel SDM vol. 3, 4.4.1).</summary>
    public fixed ulong Pointers[4];

    /// <summary>DR0 … DR3.</summary>
    public fixed uint Breakpoints[4];

    /// <summary>DR6.</summary>
    public uint Dr6;

    /// <summary>DR7.</summary>
    public uint Dr7;

    /// <summary>Bits of DR6 to report with the next debug trap: found by accesses of the instruction that is running.</summary>
    public uint DebugHits;

    /// <summary>EFER: only NXE (bit 11) can be set.</summary>
    public uint Efer;

    /// <summary>IA32_SYSENTER_CS.</summary>
    public uint SysenterCs;

    /// <summary>IA32_SYSENTER_ESP.</summary>
    public uint SysenterEsp;

    /// <summary>IA32_SYSENTER_EIP.</summary>
    public uint SysenterEip;

    /// <summary>1 while stopped by HLT, 2 in shutdown after a triple fault.</summary>
    public byte Activity;

    /// <summary>Whether an NMI is being handled: another waits for IRET.</summary>
    public byte NmiBlocked;

    /// <summary>The length of the instruction that was finished last outside the blocks' flow: of INT n, when it is to be delivered.</summary>
    public byte FinishedLength;

    /// <summary>Added to the clock to give the time-stamp counter.</summary>
    public ulong TscOffset;

    /// <summary>The floating-point unit.</summary>
    public X87State X87;

    /// <summary>The processor that owns this state, as a handle.</summary>
    public nint Owner;
}

/// <summary>The base and limit of a descriptor table.</summary>
internal struct TableRegister
{
    /// <summary>The linear address of the first descriptor.</summary>
    public uint Base;

    /// <summary>The last valid byte offset, 0 … 0xFFFF.</summary>
    public uint Limit;
}

/// <summary>Why the fast path gave control back.</summary>
internal enum Pending : byte
{
    /// <summary>Nothing: look up the next block and go on.</summary>
    None,

    /// <summary>An exception is to be delivered; EIP is that of the instruction (faults) or behind it (traps).</summary>
    Exception,

    /// <summary>An exit was recorded for the caller of Run.</summary>
    Exit,
}
