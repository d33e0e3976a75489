using System.Buffers.Binary;
using Gnomon.Memory;

namespace Gnomon.Monitor;

//  0 irq_enabled · 4 blocked_interrupts · 8 cr2 · 12 time (s, ns) · 20 irq_pending · 24 hcall_status[64] · 88 hcalls[64] × 5 words ·
//  1368 reserve_mem · 1372 tsc_khz · 1376 noirq_iret · 1380 kernel_address · 1384 syscall_vec

/// <summary>The page that a guest shares with its host. The guest may write anything there at any time; memory that cannot be used
/// kills it.</summary>
internal sealed class GuestDataPage(GuestMemory memory, ulong address)
{
    /// <summary>Its length.</summary>
    public const int Bytes = 1388;

    /// <summary>Slots of the ring of asynchronous hypercalls.</summary>
    public const int RingSlots = 64;

    /// <summary>The status of a slot without a call.</summary>
    public const byte SlotIsFree = 0xFF;

    /// <summary>EFLAGS.IF, the only bit of irq_enabled that counts, and the value of irq_pending.</summary>
    public const uint InterruptFlag = 0x200;

    private const int EnabledAt = 0;
    private const int BlockedAt = 4;
    private const int Cr2At = 8;
    private const int TimeAt = 12;
    private const int PendingAt = 20;
    private const int StatusAt = 24;
    private const int CallsAt = 88;
    private const int CallBytes = 20;
    private const int ReserveAt = 1368;
    private const int TscKhzAt = 1372;
    private const int LoneIretAt = 1376;
    private const int KernelAddressAt = 1380;
    private const int SyscallVectorAt = 1384;

    /// <summary>The virtual interrupt flag.</summary>
    public bool InterruptsEnabled
    {
        get => (Get(EnabledAt) & InterruptFlag) != 0;
        set => Put(EnabledAt, value ? InterruptFlag : 0);
    }

    /// <summary>Interrupts that must wait, one bit each.</summary>
    public uint Blocked => Get(BlockedAt);

    /// <summary>The address of the last page fault.</summary>
    public uint Cr2
    {
        get => Get(Cr2At);
        set => Put(Cr2At, value);
    }

    /// <summary>Tells the guest that an interrupt waits for its virtual flag, or that none does.</summary>
    public bool InterruptPending
    {
        set => Put(PendingAt, value ? InterruptFlag : 0);
    }

    /// <summary>The wall clock.</summary>
    public void SetTime(uint seconds, uint nanoseconds)
    {
        Span<byte> time = stackalloc byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(time, seconds);
        BinaryPrimitives.WriteUInt32LittleEndian(time[4..], nanoseconds);
        Write(TimeAt, time);
    }

    /// <summary>What the host says at init.</summary>
    public void Introduce(uint reserved, uint tscKhz)
    {
        Put(ReserveAt, reserved);
        Put(TscKhzAt, tscKhz);
    }

    /// <summary>The address of the guest's lone IRET; read once, at init.</summary>
    public uint LoneIret => Get(LoneIretAt);

    /// <summary>Where the guest kernel begins.</summary>
    public uint KernelAddress => Get(KernelAddressAt);

    /// <summary>The vector of system calls.</summary>
    public uint SyscallVector => Get(SyscallVectorAt);

    /// <summary>The status of all slots now.</summary>
    public void ReadStatus(Span<byte> status) => Read(StatusAt, status[..RingSlots]);

    /// <summary>The call in a slot.</summary>
    public HypercallArguments ReadCall(int slot)
    {
        Span<byte> call = stackalloc byte[CallBytes];
        Read(CallsAt + (slot * CallBytes), call);
        return new HypercallArguments(Word(call, 0), Word(call, 1), Word(call, 2), Word(call, 3), Word(call, 4));
    }

    /// <summary>A slot's call is done.</summary>
    public void FreeSlot(int slot) => Write(StatusAt + slot, [SlotIsFree]);

    private static uint Word(ReadOnlySpan<byte> call, int index) => BinaryPrimitives.ReadUInt32LittleEndian(call[(index * 4)..]);

    private uint Get(int at)
    {
        Span<byte> word = stackalloc byte[4];
        Read(at, word);
        return BinaryPrimitives.ReadUInt32LittleEndian(word);
    }

    private void Put(int at, uint value)
    {
        Span<byte> word = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(word, value);
        Write(at, word);
    }

    private void Read(int at, Span<byte> bytes) =>
        GuestDeath.Unless(memory.Read(new Gpa(address + (uint)at), bytes), "the guest's data page", address);

    private void Write(int at, ReadOnlySpan<byte> bytes) =>
        GuestDeath.Unless(memory.Write(new Gpa(address + (uint)at), bytes), "the guest's data page", address);
}

/// <summary>A hypercall: EAX, EBX, ECX, EDX, ESI.</summary>
internal readonly record struct HypercallArguments(uint Number, uint Ebx, uint Ecx, uint Edx, uint Esi);
