namespace Gnomon.Cpu.Memory;

/// <summary>The address comparisons of the debug registers (Intel SDM vol. 3, 17.2).</summary>
//  DR7: L0 G0 L1 G1 L2 G2 L3 G3 in bits 0 to 7; from bit 16 four bits for each: R/W (00 fetch, 01 write, 10 I/O, 11 read or write), LEN.
// SAFETY: the state is that of a live Processor.
internal static unsafe class DebugAddresses
{
    private const uint AnyEnabled = 0xFF;

    // SAFETY (all members): the pointer is that of a live Processor's state.

    /// <summary>Whether any breakpoint is enabled.</summary>
    public static bool AnyIn(uint dr7) => (dr7 & AnyEnabled) != 0;

    /// <summary>Whether an enabled data breakpoint lies in a range.</summary>
    public static bool Touch(CpuState* state, uint address, uint size)
    {
        for (int i = 0; i < 4; i++)
        {
            if (IsEnabled(state, i) && KindOf(state, i) is 1 or 3 && Overlaps(state, i, address, size))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The bits of DR6 that a data access sets.</summary>
    public static uint Hits(CpuState* state, uint address, uint size, bool write)
    {
        uint hits = 0;
        for (int i = 0; i < 4; i++)
        {
            if (IsEnabled(state, i) && (KindOf(state, i) == 3 || (write && KindOf(state, i) == 1)) && Overlaps(state, i, address, size))
            {
                hits |= 1u << i;
            }
        }

        return hits;
    }

    /// <summary>The bits of DR6 that an access to a port sets; only with CR4.DE.</summary>
    public static uint PortHits(CpuState* state, uint port, uint size)
    {
        uint hits = 0;
        for (int i = 0; i < 4 && (state->Cr4 & Cr4.DebuggingExtensions) != 0; i++)
        {
            if (IsEnabled(state, i) && KindOf(state, i) == 2 && Overlaps(state, i, port, size))
            {
                hits |= 1u << i;
            }
        }

        return hits;
    }

    /// <summary>The bits of DR6 that the fetch of an instruction sets.</summary>
    public static uint FetchHits(CpuState* state, uint address)
    {
        uint hits = 0;
        for (int i = 0; i < 4; i++)
        {
            if (IsEnabled(state, i) && KindOf(state, i) == 0 && state->Breakpoints[i] == address)
            {
                hits |= 1u << i;
            }
        }

        return hits;
    }

    private static bool IsEnabled(CpuState* state, int index) => ((state->Dr7 >> (index * 2)) & 3) != 0;

    private static uint KindOf(CpuState* state, int index) => (state->Dr7 >> (16 + (index * 4))) & 3;

    private static bool Overlaps(CpuState* state, int index, uint address, uint size)
    {
        // LEN: 00 one byte, 01 two, 11 four; the address is aligned to it. 10 means eight, which IA-32 does not have: taken as one.
        uint length = ((state->Dr7 >> (18 + (index * 4))) & 3) switch { 1 => 2u, 3 => 4u, _ => 1u };
        uint start = state->Breakpoints[index] & ~(length - 1);
        return (ulong)address < (ulong)start + length && (ulong)start < (ulong)address + size;
    }
}
