// Instructions that only the host may use, and ways to its segments. Each may trap; none may work.
#include "hostile.h"


static void still_alive(void)
{
    u32 cs;
    asm volatile("mov %%cs, %0" : "=r"(cs));
    if ((cs & 3) != 1)
        wrong("another ring");
    hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
}

static void control_writes(void)
{
    TRY("movl %%cr0, %%eax", "m"(trial));
    TRY("movl $0x11, %%eax\n\tmovl %%eax, %%cr0", "m"(trial));
    TRY("movl %1, %%eax\n\tmovl %%eax, %%cr3", "r"(phys(current_top))); // ours: it changes nothing
    TRY("movl $0xFFFFFFFF, %%eax\n\tmovl %%eax, %%cr4", "m"(trial));
    TRY("movl $0, %%eax\n\tmovl %%eax, %%cr2", "m"(trial));
    TRY("movl $0, %%eax\n\tlmsw %%ax", "m"(trial));
    TRY("clts", "m"(trial));
    still_alive();
}

static void control_3_wild(void)
{
    TRY("movl $0xFFFFF000, %%eax\n\tmovl %%eax, %%cr3", "m"(trial));
    still_alive();
}

static void debug_registers(void)
{
    TRY("movl $0xC0100000, %%eax\n\tmovl %%eax, %%dr0", "m"(trial));
    TRY("movl $0x00000703, %%eax\n\tmovl %%eax, %%dr7", "m"(trial));
    TRY("movl %%dr6, %%eax", "m"(trial));
    still_alive();
}

static void model_specific(void)
{
    static const u32 registers[] = { 0x10, 0x1B, 0x174, 0x175, 0x176, 0x277, 0xC0000080, 0xC0000081, 0xFFFFFFFF };
    for (u32 i = 0; i < COUNT(registers); i++) {
        TRY("movl %1, %%ecx\n\txorl %%eax, %%eax\n\txorl %%edx, %%edx\n\twrmsr", "m"(registers[i]));
        if (trial.vector != 13)
            wrong("wrmsr");
        TRY("movl %1, %%ecx\n\trdmsr", "m"(registers[i]));
    }
    still_alive();
}

static void tables(void)
{
    static u32 table[16];
    TRY("lgdt %1", "m"(table));
    if (trial.vector != 13)
        wrong("lgdt");
    TRY("lidt %1", "m"(table));
    if (trial.vector != 13)
        wrong("lidt");
    TRY("movl $0x80, %%eax\n\tltr %%ax", "m"(trial));
    if (trial.vector != 13)
        wrong("ltr");
    TRY("movl $0, %%eax\n\tlldt %%ax", "m"(trial));
    if (trial.vector != 13)
        wrong("lldt");
    still_alive();
}

static void caches(void)
{
    TRY("invd", "m"(trial));
    TRY("wbinvd", "m"(trial));
    TRY("invlpg (%1)", "r"(KERNEL_BASE));
    still_alive();
}

static void interrupt_flag(void)
{
    TRY("cli", "m"(trial));
    TRY("sti", "m"(trial));
    still_alive();
}

static void fast_call(void)
{
    TRY("sysenter", "m"(trial));
    TRY("sysexit", "m"(trial));
    TRY(".byte 0x0F, 0x05", "m"(trial)); // syscall
    TRY(".byte 0x0F, 0x07", "m"(trial)); // sysret
    TRY(".byte 0x0F, 0x01, 0xC1", "m"(trial)); // vmcall: the Switcher's own
    if (trial.vector == ~0u)
        wrong("vmcall");
    TRY(".byte 0x0F, 0x01, 0xD9", "m"(trial)); // vmmcall
    TRY(".byte 0x0F, 0xAA", "m"(trial)); // rsm
    still_alive();
}

#define JUMP(selector)                                                         \
    TRY("ljmp $" #selector ", $2f\n2:", "m"(trial));                           \
    if (trial.vector == ~0u)                                                   \
        wrong("a far jump to " #selector)

static void far_jump(void)
{
    JUMP(0x50);
    JUMP(0x51);
    JUMP(0x53);
    JUMP(0x58);
    JUMP(0x80);
    JUMP(0x83);
    JUMP(0xF8);
    JUMP(0xFB);
    JUMP(0x100);
    JUMP(0xFFFC);
    JUMP(0x0);
    JUMP(0x54);
    still_alive();
}

static void far_return(void)
{
    TRY("pushl $0x50\n\tpushl $2f\n\tmovl %%esp, %%ecx\n\tlret\n2:", "m"(trial));
    asm volatile("addl $8, %%esp" : : : "memory");
    if (trial.vector == ~0u)
        wrong("a far return to ring 0");
    still_alive();
}

static void interrupt_return(void)
{
    TRY("pushl $0x202\n\tpushl $0x50\n\tpushl $2f\n\tiret\n2:", "m"(trial));
    asm volatile("addl $12, %%esp" : : : "memory");
    if (trial.vector == ~0u)
        wrong("an iret to ring 0");
    still_alive();
}

#define SEGMENT(selector)                                                      \
    TRY("movl $" #selector ", %%eax\n\tmovl %%eax, %%es", "m"(trial));         \
    if (trial.vector == ~0u)                                                   \
        wrong("segment " #selector)

static void segments(void)
{
    SEGMENT(0x58);
    SEGMENT(0x59);
    SEGMENT(0x80);
    SEGMENT(0xF8);
    SEGMENT(0x100);
    SEGMENT(0xFFF8);
    SEGMENT(0x6C);
    TRY("movl $0x58, %%eax\n\tmovl %%eax, %%ss", "m"(trial));
    if (trial.vector == ~0u)
        wrong("the host's stack segment");
    TRY("movl $0, %%eax\n\tmovl %%eax, %%ss", "m"(trial));
    if (trial.vector == ~0u)
        wrong("no stack segment");
    still_alive();
}

static void ports(void)
{
    for (u32 port = 0; port < 0x10000; port += 7) {
        if (port >= 0xCF8 && port < 0xD00)
            continue;
        in8((u16)port);
        out8((u16)port, 0xFF);
    }
    for (u32 i = 0; i < 2000; i++) {
        in32(0xFFFF); // past the last port
        out32(0xFFFE, i);
    }
}

static void port_strings(void)
{
    static u32 buffer[16];
    TRY("pushl %%edi\n\tmovl %1, %%edi\n\tmovl $0x64, %%edx\n\tinsb\n\tpopl %%edi", "r"(buffer));
    if (trial.vector != ~0u)
        asm volatile("popl %%edi" : : : "edi");
    TRY("movl $0x80, %%edx\n\toutsb", "m"(trial));
    // Into a page that is not there, and far too many.
    TRY("pushl %%edi\n\tmovl $0xA0000000, %%edi\n\tmovl $0x64, %%edx\n\tmovl $-1, %%ecx\n\trep insb\n\tpopl %%edi", "m"(trial));
    if (trial.vector != ~0u)
        asm volatile("popl %%edi" : : : "edi");
    still_alive();
}

static void odd_encodings(void)
{
    TRY(".byte 0x66, 0x66, 0x66, 0x67, 0x2E, 0xEC", "m"(trial));                     // inb with every prefix
    TRY(".byte 0xF0, 0xEC", "m"(trial));                                             // lock
    TRY(".byte 0xF3, 0xEE", "m"(trial));                                             // rep
    TRY(".fill 14, 1, 0x66\n\t.byte 0xEC", "m"(trial));                              // 15 bytes
    TRY(".fill 15, 1, 0x66\n\t.byte 0xEC", "m"(trial));                              // 16: too long
    TRY(".byte 0x0F, 0xFF, 0xC0", "m"(trial));
    still_alive();
}

// An instruction at the very end of a page, the rest of it where nothing is mapped.
static void page_end(void)
{
    gpa frame = take_low();
    u8 *code = virt(frame);
    pad(frame | ENTRY_KERNEL, TELL_NOW);
    set_leaf(current_top, PAD + PAGE, 0, TELL_NOW);
    code[PAGE - 1] = 0xE4; // in $imm8, %al, without its immediate
    asm volatile("jmp *%0" : : "r"(PAD + PAGE - 1));
}

static void halt_instruction(void)
{
    hypercall(CALL_CLOCK, 100000, 0, 0, 0);
    TRY("hlt", "m"(trial));
    hypercall(CALL_CLOCK, 0, 0, 0, 0);
    still_alive();
}

static void jump_into_device(void)
{
    asm volatile("jmp *%0" : : "r"(IO_BASE + 0x100));
}

const struct attack instruction_attacks[] = {
    { "instruction-control-registers", control_writes },
    { "instruction-cr3-wild", control_3_wild },
    { "instruction-debug-registers", debug_registers },
    { "instruction-msr", model_specific },
    { "instruction-tables", tables },
    { "instruction-caches", caches },
    { "instruction-cli-sti", interrupt_flag },
    { "instruction-fast-calls", fast_call },
    { "instruction-hlt", halt_instruction },
    { "instruction-odd-encodings", odd_encodings },
    { "instruction-page-end", page_end },
    { "far-jump-host", far_jump },
    { "far-return-host", far_return },
    { "iret-host", interrupt_return },
    { "segments-host", segments },
    { "ports-all", ports },
    { "ports-strings", port_strings },
    { "jump-into-device", jump_into_device },
    { 0 },
};
