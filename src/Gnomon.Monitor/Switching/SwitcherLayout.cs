using Gnomon.Memory;

namespace Gnomon.Monitor;

//  The Switcher's pages, from the Switcher's address up: the code, then a pair for each host CPU.
//
//  +--------+-------------+---------+-------------+---------+--
//  |  code  | registers 0 | state 0 | registers 1 | state 1 | …
//  +--------+-------------+---------+-------------+---------+--
//
//  A state page:                          The end of a register page:
//
//     0  IDT, 256 gates                     4024  trap frame, 72 bytes
//  2048  GDT, 32 descriptors                4096  = sp0
//  2304  TSS, 104 bytes

/// <summary>Where everything is in the Switcher's pages, and which descriptors are the host's.</summary>
internal static class SwitcherLayout
{
    /// <summary>Offsets in a state page.</summary>
    public const int IdtOffset = 0;

    /// <summary>256 gates of 8 bytes.</summary>
    public const int IdtBytes = 256 * 8;

    /// <summary>The descriptors in a state page.</summary>
    public const int GdtOffset = IdtOffset + IdtBytes;

    /// <summary>Descriptors that a guest has.</summary>
    public const int GdtEntries = 32;

    /// <summary>32 descriptors of 8 bytes.</summary>
    public const int GdtBytes = GdtEntries * 8;

    /// <summary>The task state in a state page.</summary>
    public const int TssOffset = GdtOffset + GdtBytes;

    /// <summary>A task state without an I/O bitmap.</summary>
    public const int TssBytes = 104;

    /// <summary>GDT entries that are the host's: ring 0 code.</summary>
    public const int HostCode = 10;

    /// <summary>Ring 0 data.</summary>
    public const int HostData = 11;

    /// <summary>The task state.</summary>
    public const int HostTask = 16;

    /// <summary>Kept for a double fault's task. Vector 8 has an ordinary gate here, because no stack that it could find is ever bad:
    /// from a guest it starts at sp0, and inside the Switcher it goes on below.</summary>
    public const int HostDoubleFault = 31;

    /// <summary>Selectors: ring 0 code.</summary>
    public const ushort HostCodeSelector = HostCode * 8;

    /// <summary>Ring 0 data.</summary>
    public const ushort HostDataSelector = HostData * 8;

    /// <summary>The task state.</summary>
    public const ushort HostTaskSelector = HostTask * 8;

    /// <summary>The guest kernel's code, level 1.</summary>
    public const ushort GuestCodeSelector = 0x61;

    /// <summary>The guest kernel's data, level 1.</summary>
    public const ushort GuestDataSelector = 0x69;

    /// <summary>Flat 4 GiB descriptors, accessed: code and data of a level.</summary>
    public static ulong FlatCode(int level) => 0x00CF_9B00_0000_FFFFul | ((ulong)level << 45);

    /// <summary>Data.</summary>
    public static ulong FlatData(int level) => 0x00CF_9300_0000_FFFFul | ((ulong)level << 45);

    /// <summary>The address of a host CPU's register page.</summary>
    public static uint RegisterPage(uint switcher, int hostCpu) => switcher + (PageSize.Bytes * (uint)(1 + (2 * hostCpu)));

    /// <summary>The address of a host CPU's state page.</summary>
    public static uint StatePage(uint switcher, int hostCpu) => RegisterPage(switcher, hostCpu) + PageSize.Bytes;
}
