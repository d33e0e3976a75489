namespace Gnomon.Cpu.Rom.Tests.Comparing;

/// <summary>Where the manual says something else than both emulators do.</summary>
internal static class Corrections
{
    private const string Accessed =
        "Whether a translation that fails sets the accessed bits of the entries it came through is not given: it may set those of the upper ones only (SDM vol. 3, 4.8).";

    private const string Order =
        "The order in which a return reads its stack is not given: an entry whose page was read before the fault is accessed (SDM vol. 2, RET, IRET; vol. 3, 4.8).";

    private const string Suspended =
        "A fault of a repeated CMPS or SCAS leaves EFLAGS as before the instruction (SDM vol. 2, REP).";

    private const string Stores =
        "Whether a fault undoes what the instruction has stored before it is not given for SGDT (SDM vol. 2, SGDT).";

    /// <summary>All of them; a scenario is in one of them only.</summary>
    public static IReadOnlyList<Correction> All { get; } =
    [
        new("exceptions", CorrectionKind.Feature, "Without MMX, EMMS is #UD (SDM vol. 2, EMMS).",
            "v=06 e=00000000 ip=0000", "nm/emms-none", "nm/emms-ts", "nm/emms-mp", "nm/emms-ts-mp"),
        new("privileged", CorrectionKind.Feature,
            "A bit of CR4 whose feature is missing is reserved, and setting it is #GP(0): MCE, PCE, OSXMMEXCPT (SDM vol. 3, 2.5; vol. 2, MOV).",
            "v=0D e=00000000 ip=0000", "cr4/bit-040", "cr4/bit-100", "cr4/bit-400"),
        new("privileged", CorrectionKind.Deviation, "RDMSR and WRMSR of a register that is not implemented are #GP(0) (SDM vol. 2, RDMSR, WRMSR).",
            "v=0D e=00000000 ip=0000", "rdmsr/unknown-40001234", "wrmsr/unknown-40001234", "rdmsr/unknown-C0001234", "wrmsr/unknown-C0001234"),
        new("paging-two-level", CorrectionKind.Open, Accessed, "m42000=00050005 m40004=00042027",
            "rmw/read-only", "rmw/cmpxchg-fails-read-only", "restart/adc-flags", "restart/shld"),
        new("paging-two-level", CorrectionKind.Open, Accessed, "m42000=00000000 m40004=00042027", "rmw/absent", "xchg/absent"),
        new("paging-two-level", CorrectionKind.Open, Order, "m42000=00050027 m40004=00042027", "restart/ret-far", "restart/iret"),
        new("paging-two-level", CorrectionKind.Deviation, Suspended, "fl=00000016", "restart/repe-cmps"),
        new("paging-two-level", CorrectionKind.Open, Stores, "m50FFC=00000000", "system/sgdt-crossing"),
        new("paging-two-level", CorrectionKind.Feature, "Without PSE-36, bits 21 to 13 of an entry for a large page are reserved (SDM vol. 3, 4.3).",
            "v=0E e=00000009 ip=0000 cs=0008 fl=00000016 cr2=00850000 m40008=00100087", "large/reserved-20"),
        new("paging-two-level", CorrectionKind.Feature, "Without PSE-36, bits 21 to 13 of an entry for a large page are reserved (SDM vol. 3, 4.3).",
            "v=0E e=00000009 ip=0000 cs=0008 fl=00000016 cr2=00800000", "large/reserved-13"),
        new("paging-pae", CorrectionKind.Open, Accessed, "m4B000=00050005 m49008=0004B027",
            "rmw/read-only", "rmw/cmpxchg-fails-read-only", "restart/adc-flags", "restart/shld"),
        new("paging-pae", CorrectionKind.Open, Accessed, "m4B000=00000000 m49008=0004B027", "rmw/absent", "xchg/absent"),
        new("paging-pae", CorrectionKind.Open, Accessed, "m4B000=00050007 m49008=0004B027",
            "reserved/leaf-62", "reserved/leaf-52", "reserved/leaf-user-write"),
        new("paging-pae", CorrectionKind.Open, Order, "m4B000=00050027 m49008=0004B027", "restart/ret-far", "restart/iret"),
        new("paging-pae", CorrectionKind.Deviation, Suspended, "fl=00000016", "restart/repe-cmps"),
        new("paging-pae", CorrectionKind.Open, Stores, "m50FFC=00000000", "system/sgdt-crossing"),
    ];
}
