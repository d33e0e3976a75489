using System.Runtime.CompilerServices;
using Gnomon.Cpu.Memory;
using Gnomon.Memory;
using Gnomon.Paging;
using static Gnomon.Cpu.Events.SystemMemory;

namespace Gnomon.Cpu.Events;

/// <summary>Writes of CR0, CR3 and CR4: what may be combined, what is loaded and dropped with them (Intel SDM vol. 3, 2.5, 4.4.1,
/// 4.10.4). A member that returns false has recorded why, and has changed nothing.</summary>
// SAFETY: the state is that of a live Processor; the four pointers lie in one page, since they are aligned to 32 bytes.
internal static unsafe class ControlRegisters
{
    private const uint Cr0Bits = Cr0.ProtectionEnable | Cr0.MonitorCoprocessor | Cr0.Emulation | Cr0.TaskSwitched | Cr0.NumericError
        | Cr0.WriteProtect | Cr0.AlignmentMask | Cr0.NotWriteThrough | Cr0.CacheDisable | Cr0.Paging;

    private const uint PointerTable = ~31u;
    private const int PointerCount = 4;

    /// <summary>Whether CR0 may have a value: the combinations that are forbidden in themselves.</summary>
    public static bool IsValidCr0(uint value) =>
        ((value & Cr0.Paging) == 0 || (value & Cr0.ProtectionEnable) != 0)
        && ((value & Cr0.NotWriteThrough) == 0 || (value & Cr0.CacheDisable) != 0);

    /// <summary>The bits of CR4 that a profile has.</summary>
    public static uint Cr4Bits(CpuProfile profile) =>
        (profile.Has(1) ? Cr4.VirtualMode | Cr4.ProtectedVirtualInterrupts : 0)
        | (profile.Has(2) ? Cr4.DebuggingExtensions : 0)
        | (profile.Has(3) ? Cr4.PageSizeExtensions : 0)
        | (profile.Has(4) ? Cr4.TimeStampDisable : 0)
        | (profile.Has(6) ? Cr4.PhysicalAddressExtension : 0)
        | (profile.Has(13) ? Cr4.GlobalPages : 0)
        | (profile.Has(24) ? Cr4.FxsaveSupport : 0);

    /// <summary>Writes CR0.</summary>
    public static bool TryWriteCr0(CpuState* c, uint value)
    {
        value = (value & Cr0Bits) | Cr0.ExtensionType;
        uint changed = value ^ c->Cr0;
        if (!IsValidCr0(value))
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        // Caching and paging bits load the pointers anew.
        const uint loading = Cr0.Paging | Cr0.CacheDisable | Cr0.NotWriteThrough;
        if ((changed & loading) != 0 && !TryLoadPointers(c, c->Cr3, value, c->Cr4))
        {
            return false;
        }

        c->Cr0 = value;
        if ((changed & Cr0.ProtectionEnable) != 0)
        {
            c->Cpl = 0;
        }

        if ((changed & (Cr0.Paging | Cr0.ProtectionEnable | Cr0.WriteProtect)) != 0)
        {
            Processor.Of(c).FlushTranslations();
        }

        ProcessorMode.Refresh(c);
        return true;
    }

    /// <summary>Writes CR3: translations but for global ones are dropped.</summary>
    public static bool TryWriteCr3(CpuState* c, uint value)
    {
        if (!TryLoadPointers(c, value, c->Cr0, c->Cr4))
        {
            return false;
        }

        c->Cr3 = value;
        Processor.Of(c).FlushTranslations(keepGlobal: (c->Cr4 & Cr4.GlobalPages) != 0);
        return true;
    }

    /// <summary>Writes CR4.</summary>
    public static bool TryWriteCr4(CpuState* c, uint value)
    {
        if ((value & ~Cr4Bits(Processor.Of(c).Options.Profile)) != 0)
        {
            return Fail(c, Vector.GeneralProtection, 0);
        }

        const uint paging = Cr4.PhysicalAddressExtension | Cr4.PageSizeExtensions | Cr4.GlobalPages;
        uint changed = value ^ c->Cr4;
        if ((changed & paging) != 0 && !TryLoadPointers(c, c->Cr3, c->Cr0, value))
        {
            return false;
        }

        c->Cr4 = value;
        if ((changed & paging) != 0)
        {
            Processor.Of(c).FlushTranslations();
        }

        ProcessorMode.Refresh(c);
        return true;
    }

    /// <summary>Records the exit of an intercepted write.</summary>
    /// <param name="c">The state.</param>
    /// <param name="register">0, 3 or 4.</param>
    /// <param name="value">What is written.</param>
    /// <param name="mask">The bits that are written.</param>
    /// <param name="length">The instruction's length.</param>
    /// <returns>False, as every stop.</returns>
    public static bool Leave(CpuState* c, int register, uint value, uint mask, byte length)
    {
        Processor.Of(c).Linear.Leave(new CpuExit
        {
            Reason = CpuExitReason.ControlWrite,
            IsWrite = true,
            Register = (byte)register,
            Value = value,
            Code = mask,
            Size = length,
        });
        return false;
    }

    /// <summary>Checks the page-directory pointers that a load of CR3 would load, if PAE paging is on.</summary>
    public static bool TryCheckPointers(CpuState* c, uint directory, uint cr0, uint cr4)
    {
        ulong* pointers = stackalloc ulong[PointerCount];
        return !UsesPointers(cr0, cr4) || TryReadPointers(c, directory, pointers);
    }

    private static bool UsesPointers(uint cr0, uint cr4) => (cr0 & Cr0.Paging) != 0 && (cr4 & Cr4.PhysicalAddressExtension) != 0;

    private static bool TryLoadPointers(CpuState* c, uint directory, uint cr0, uint cr4)
    {
        if (!UsesPointers(cr0, cr4))
        {
            return true;
        }

        ulong* pointers = stackalloc ulong[PointerCount];
        if (!TryReadPointers(c, directory, pointers))
        {
            return false;
        }

        for (int i = 0; i < PointerCount; i++)
        {
            c->Pointers[i] = pointers[i];
        }

        return true;
    }

    private static bool TryReadPointers(CpuState* c, uint directory, ulong* pointers)
    {
        LinearMemory memory = Processor.Of(c).Linear;
        uint address = directory & PointerTable;
        PhysicalPage page = memory.FindPhysical(address >> PageSize.Shift);
        if (page.Kind == PhysicalPageKind.Refused)
        {
            memory.Leave(new CpuExit { Reason = CpuExitReason.NestedFault, Physical = address, Code = page.Code });
            return false;
        }

        for (int i = 0; i < PointerCount; i++)
        {
            // A table that is not memory has nothing in it, as for the walker.
            byte* place = (byte*)page.Address + (address & PageSize.OffsetMask) + (i * sizeof(ulong));
            pointers[i] = page.Kind == PhysicalPageKind.Memory ? Unsafe.ReadUnaligned<ulong>(place) : 0;
            if ((pointers[i] & PageEntry.Present) != 0 && (pointers[i] & Pae.PointerReserved) != 0)
            {
                return Fail(c, Vector.GeneralProtection, 0);
            }
        }

        return true;
    }
}
