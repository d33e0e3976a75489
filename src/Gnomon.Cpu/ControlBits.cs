namespace Gnomon.Cpu;

/// <summary>The bits of CR0 (Intel SDM vol. 3, 2.5).</summary>
public static class Cr0
{
    /// <summary>PE: protected mode.</summary>
    public const uint ProtectionEnable = 1 << 0;

    /// <summary>MP: WAIT honours TS.</summary>
    public const uint MonitorCoprocessor = 1 << 1;

    /// <summary>EM: no FPU, its instructions raise #NM.</summary>
    public const uint Emulation = 1 << 2;

    /// <summary>TS: the FPU holds another task's state.</summary>
    public const uint TaskSwitched = 1 << 3;

    /// <summary>ET: always one.</summary>
    public const uint ExtensionType = 1 << 4;

    /// <summary>NE: x87 errors raise #MF.</summary>
    public const uint NumericError = 1 << 5;

    /// <summary>WP: the supervisor honours read-only pages.</summary>
    public const uint WriteProtect = 1 << 16;

    /// <summary>AM: EFLAGS.AC counts.</summary>
    public const uint AlignmentMask = 1 << 18;

    /// <summary>NW.</summary>
    public const uint NotWriteThrough = 1 << 29;

    /// <summary>CD.</summary>
    public const uint CacheDisable = 1 << 30;

    /// <summary>PG: paging.</summary>
    public const uint Paging = 1u << 31;
}

/// <summary>The bits of CR4 that this processor has (Intel SDM vol. 3, 2.5).</summary>
public static class Cr4
{
    /// <summary>VME: virtual-8086 extensions.</summary>
    public const uint VirtualMode = 1 << 0;

    /// <summary>PVI: protected-mode virtual interrupts.</summary>
    public const uint ProtectedVirtualInterrupts = 1 << 1;

    /// <summary>TSD: RDTSC is privileged.</summary>
    public const uint TimeStampDisable = 1 << 2;

    /// <summary>DE: debugging extensions.</summary>
    public const uint DebuggingExtensions = 1 << 3;

    /// <summary>PSE: 4 MiB pages.</summary>
    public const uint PageSizeExtensions = 1 << 4;

    /// <summary>PAE: 36-bit physical addresses.</summary>
    public const uint PhysicalAddressExtension = 1 << 5;

    /// <summary>PGE: global pages.</summary>
    public const uint GlobalPages = 1 << 7;

    /// <summary>OSFXSR.</summary>
    public const uint FxsaveSupport = 1 << 9;
}

/// <summary>The bits of EFER.</summary>
public static class Efer
{
    /// <summary>NXE: the no-execute bit of PAE entries counts.</summary>
    public const uint NoExecuteEnable = 1 << 11;
}
