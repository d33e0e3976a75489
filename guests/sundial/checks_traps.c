// Traps in the kernel itself, ring 1 to ring 1: direct ones and those that the host reflects.
#include "../lib/frames.h"
#include "process.h"

// Runs instructions that must trap; the trap's handler goes on behind them.
#define TRAPS(code, ...)                                                                                                          \
    ({                                                                                                                            \
        trial = (struct trial){ .vector = ~0u };                                                                                  \
        asm volatile("movl $1f, %0\n\t" code "\n1:" : "=m"(trial.resume) : __VA_ARGS__ : "eax", "ecx", "edx", "memory", "cc");    \
        trial.resume = 0;                                                                                                         \
        trial.vector;                                                                                                             \
    })

static u32 exceptions(void)
{
    EXPECT(TRAPS("xorl %%ecx, %%ecx\n\txorl %%edx, %%edx\n\tdivl %%ecx", "m"(trial)) == 0);
    EXPECT(TRAPS("ud2", "m"(trial)) == 6);
    EXPECT(TRAPS("int3", "m"(trial)) == 3);
    EXPECT(TRAPS("movb $0x7f, %%al\n\taddb $1, %%al\n\tinto", "m"(trial)) == 4);
    return 0;
}

static u32 protection(void)
{
    EXPECT(TRAPS("movl $0x58, %%eax\n\tmovl %%eax, %%es", "m"(trial)) == 13 && trial.code == 0x58); // the host's data segment
    EXPECT(TRAPS("movl $0x100, %%eax\n\tmovl %%eax, %%es", "m"(trial)) == 13 && trial.code == 0x100); // behind the table
    EXPECT(TRAPS("movl $0x277, %%ecx\n\trdmsr", "m"(trial)) == 13 && trial.code == 0);
    EXPECT(TRAPS("movl $0x277, %%ecx\n\txorl %%eax, %%eax\n\txorl %%edx, %%edx\n\twrmsr", "m"(trial)) == 13 && trial.code == 0);
    EXPECT(TRAPS("int $14", "m"(trial)) == 13 && trial.code == 14 * 8 + 2); // a gate that is not for us
    asm volatile("movl %0, %%es" : : "r"(KERNEL_DS));
    return 0;
}

static u32 page_faults(void)
{
    u32 address = WINDOW_BASE + 51 * PAGE;
    gpa frame = take_low();
    window(51, frame);
    set_leaf(current_top, address, 0, TELL_NOW);
    EXPECT(TRAPS("movl (%1), %%eax", "r"(address + 8)) == 14 && trial.code == 0 && trial.address == address + 8);
    EXPECT(TRAPS("movl %%eax, (%1)", "r"(address + 12)) == 14 && trial.code == 2 && trial.address == address + 12);
    set_leaf(current_top, address, frame | ENTRY_P | ENTRY_A, TELL_NOW);
    EXPECT(TRAPS("movl (%1), %%eax", "r"(address)) == ~0u);
    EXPECT(TRAPS("movl %%eax, (%1)", "r"(address)) == 14 && trial.code == 3 && trial.address == address); // CR0.WP is on
    EXPECT(TRAPS("addl $1, (%1)", "r"(address + PAGE - 2)) == 14); // across the end of the page
    set_leaf(current_top, address, 0, TELL_NOW);
    drop_frame(frame);
    return 0;
}

const struct named_check trap_checks[] = {
    { "kernel-traps", exceptions },
    { "kernel-protection", protection },
    { "kernel-page-faults", page_faults },
    { 0 },
};
