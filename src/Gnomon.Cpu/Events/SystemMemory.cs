using System.Runtime.CompilerServices;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;

namespace Gnomon.Cpu.Events;

/// <summary>What the processor itself reads and writes at linear addresses, with supervisor rights: descriptors, gates, task states
/// (Intel SDM vol. 3, 4.6.1: implicit supervisor-mode accesses). A member that returns false has recorded why.</summary>
// SAFETY: the state is that of a live Processor; a pointer holds for the bytes that were prepared, until the next access.
internal static unsafe class SystemMemory
{
    /// <summary>Records an exception.</summary>
    /// <returns>False, so that a check can end with it.</returns>
    public static bool Fail(CpuState* c, byte vector, uint code)
    {
        Ops.Raise(c, vector, code);
        return false;
    }

    /// <summary>Reads 1, 2 or 4 bytes, zero-extended.</summary>
    public static bool TryRead(CpuState* c, uint address, uint size, out uint value)
    {
        byte* place = Find(c, address, size, write: false, user: false);
        value = place == null ? 0 : Access.Load(place, size);
        return place != null;
    }

    /// <summary>Reads eight bytes.</summary>
    public static bool TryRead64(CpuState* c, uint address, out ulong value)
    {
        byte* place = Find(c, address, 8, write: false, user: false);
        value = place == null ? 0 : Unsafe.ReadUnaligned<ulong>(place);
        return place != null;
    }

    /// <summary>Writes 1, 2 or 4 bytes.</summary>
    public static bool TryWrite(CpuState* c, uint address, uint size, uint value)
    {
        byte* place = Find(c, address, size, write: true, user: false);
        if (place == null)
        {
            return false;
        }

        Access.Store(place, size, value);
        return Access.Commit(c, place);
    }

    /// <summary>Changes one byte by an interlocked operation, unless nothing changes.</summary>
    public static bool TryChange(CpuState* c, uint address, byte set, byte clear)
    {
        byte* place = Processor.Of(c).Linear.Prepare(address, 1, AccessKind.ReadWrite, user: false);
        if (place == null)
        {
            return false;
        }

        while (true)
        {
            byte old = *place;
            if (Interlocked.CompareExchange(ref *place, (byte)((old | set) & ~clear), old) == old)
            {
                return Access.Commit(c, place);
            }
        }
    }

    /// <summary>Prepares an access with rights of one's choice.</summary>
    /// <returns>Where the bytes are, or null: the reason is recorded.</returns>
    public static byte* Find(CpuState* c, uint address, uint size, bool write, bool user) =>
        Processor.Of(c).Linear.Prepare(address, size, write ? AccessKind.Write : AccessKind.Read, user);
}
