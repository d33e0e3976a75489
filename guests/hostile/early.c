// Attacks before, and by, the first hypercall. Linked low: this runs before there are page tables, and calls nothing.
#include "hostile.h"

#define LOW(text) ((const char *)(text))

static bool chosen(const char *command_line, const char *name)
{
    const char *at = command_line;
    static const char key[] = "attack=";
    for (; *at; at++) {
        u32 i = 0;
        while (i < sizeof key - 1 && at[i] == key[i])
            i++;
        if (i < sizeof key - 1)
            continue;
        at += i;
        while (*name && *at == *name)
            at++, name++;
        return !*name && (*at == 0 || *at == ' ');
    }
    return false;
}

static const char wild[] = "early-page-wild", end[] = "early-page-end", before[] = "early-call-before-init", in_host[] = "early-kernel-in-switcher",
                  zero[] = "early-kernel-at-zero", odd[] = "early-kernel-unaligned", iret[] = "early-iret-wild", vector[] = "early-syscall-vector-wild";

const char *const early_names[] = { wild, end, before, in_host, zero, odd, iret, vector, 0 };

void early(volatile struct host_page *page, const char *line, u32 memory)
{
    if (chosen(line, wild))
        hypercall(CALL_INIT, WILD, 0, 0, 0);
    if (chosen(line, end))
        hypercall(CALL_INIT, memory - sizeof *page + 4, 0, 0, 0); // its last word is outside
    if (chosen(line, before))
        hypercall(CALL_FLUSH_TLB, 1, 0, 0, 0);
    if (chosen(line, in_host))
        page->kernel_address = 0xFFFFF000;
    if (chosen(line, zero))
        page->kernel_address = 0;
    if (chosen(line, odd))
        page->kernel_address = KERNEL_BASE + 0x1000;
    if (chosen(line, iret))
        page->noirq_iret = 0xFFFFFFFE;
    if (chosen(line, vector))
        page->syscall_vector = 0xFFFFFF1F;
}
