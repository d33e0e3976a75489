namespace Gnomon.Cpu.Oracle.Tests.Coverage;

/// <summary>Why an instruction of the profile cannot be compared with the host, and which load segment registers.</summary>
internal static class NotCompared
{
    /// <summary>The reason, or null for an instruction that is compared.</summary>
    public static string? Reason(Code code) => code switch
    {
        Code.Cpuid => "the values are the processor's own",
        Code.Rdpmc => "the host's CR4.PCE says whether users may, and its counters are its own",
        Code.Sysenter => "would make a system call of the runner",
        Code.Sysexitd => "an undefined opcode on AMD processors in long mode; ring 0 only: ROM tests",
        Code.Sgdt_m1632 or Code.Sgdt_m1632_16 or Code.Sidt_m1632 or Code.Sidt_m1632_16 or Code.Sldt_rm16 or Code.Sldt_r32m16
            or Code.Str_rm16 or Code.Str_r32m16 or Code.Smsw_rm16 or Code.Smsw_r32m16 =>
            "the host's UMIP forbids it to users and its kernel emulates it: ROM tests",
        Code.Ud0 => "the form without ModRM is another length on Intel processors",
        Code.Reservednop_rm16_r16_0F0D or Code.Reservednop_rm32_r32_0F0D => "a hint on some processors, undefined on others",
        _ => null,
    };

    /// <summary>True for instructions that load a segment register other than CS.</summary>
    public static bool Segments(Code code) => code
        is Code.Mov_Sreg_rm16 or Code.Mov_Sreg_r32m16
        or Code.Popw_ES or Code.Popd_ES or Code.Popw_SS or Code.Popd_SS or Code.Popw_DS or Code.Popd_DS
        or Code.Popw_FS or Code.Popd_FS or Code.Popw_GS or Code.Popd_GS
        or Code.Les_r16_m1616 or Code.Les_r32_m1632 or Code.Lds_r16_m1616 or Code.Lds_r32_m1632
        or Code.Lss_r16_m1616 or Code.Lss_r32_m1632 or Code.Lfs_r16_m1616 or Code.Lfs_r32_m1632 or Code.Lgs_r16_m1616 or Code.Lgs_r32_m1632;

    /// <summary>True for transfers that load CS.</summary>
    public static bool IsFar(Code code) => code
        is Code.Call_ptr1616 or Code.Call_ptr1632 or Code.Jmp_ptr1616 or Code.Jmp_ptr1632
        or Code.Call_m1616 or Code.Call_m1632 or Code.Jmp_m1616 or Code.Jmp_m1632
        or Code.Retfw or Code.Retfd or Code.Retfw_imm16 or Code.Retfd_imm16 or Code.Iretw or Code.Iretd;
}
