// Runs in linear mode, linked at its physical address: it may use only what is declared here, and other symbols by phys().
#include "boot.h"
#include "host.h"
#include "paging.h"

extern char noirq_iret[];
extern entry master_top[TOP_ENTRIES];
extern entry low_leaves[LOW_MAX / PAGE];
#ifdef PAE
extern entry kernel_middle[ENTRIES];
#endif

#define LINEAR(symbol) ((__typeof__(&(symbol)))((u32)&(symbol) - KERNEL_BASE))

// boot_params lies at address 0, where C has no objects: the compiler must not see the constant.
static u32 boot_params(u32 offset)
{
    u32 value;
    asm volatile("movl (%1), %0" : "=r"(value) : "r"(offset));
    return value;
}

// A guest that is up to something before the first hypercall has this.
__attribute__((weak)) void early(volatile struct host_page *page, const char *command_line, u32 memory);

void boot(void)
{
    // Free slots before the first hypercall: the host looks into the ring before each but the first, and zero means "run me".
    volatile struct host_page *page = LINEAR(host_page);
    for (u32 i = 0; i < RING_SLOTS; i++)
        page->status[i] = SLOT_FREE;
    page->noirq_iret = (u32)noirq_iret;
    page->kernel_address = KERNEL_BASE;
    page->syscall_vector = SYSCALL_VECTOR;
    if (early)
        early(page, (const char *)boot_params(0x228), boot_params(0x2D0 + 8));
    hypercall(CALL_INIT, (u32)page, 0, 0, 0);

    u32 bytes = boot_params(0x2D0 + 8); // the only e820 entry's length
    u32 initrd = boot_params(0x218);
    if (initrd && initrd < bytes)
        bytes = initrd;
    bytes &= ~(PAGE - 1);
    *LINEAR(memory_bytes) = bytes;
    u32 low = bytes < LOW_MAX ? bytes : LOW_MAX;
    *LINEAR(low_bytes) = low;
    *LINEAR(command_line) = (const char *)(boot_params(0x228) + KERNEL_BASE);

    entry *leaves = *LINEAR(low_leaves);
    for (u32 at = 0; at < low; at += PAGE)
        leaves[at / PAGE] = at | ENTRY_KERNEL;

    // The same tables twice: at 0, because the next instruction is still fetched there, and at KERNEL_BASE.
    entry *top = *LINEAR(master_top);
#ifdef PAE
    entry *middle = *LINEAR(kernel_middle);
    for (u32 i = 0; i * ENTRIES * PAGE < low; i++)
        middle[i] = (gpa)&leaves[i * ENTRIES] | (ENTRY_TABLE & ~ENTRY_U);
    top[0] = top[KERNEL_TOP] = (gpa)middle | TOP_FLAGS;
#else
    for (u32 i = 0; i * ENTRIES * PAGE < low; i++)
        top[i] = top[KERNEL_TOP + i] = (gpa)&leaves[i * ENTRIES] | (ENTRY_TABLE & ~ENTRY_U);
#endif
    hypercall(CALL_NEW_PAGE_TABLE, (gpa)top, 0, 0, 0);
}
