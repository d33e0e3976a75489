// Descriptors and gates that would lead to the host's privilege, or nowhere.
#include "hostile.h"

#define SPARE 20u // an entry that nobody uses: selector 0xA0
#define SPARE_SELECTOR (SPARE * 8)

static void gdt(u32 index, u32 low, u32 high) { hypercall(CALL_LOAD_GDT, index, low, high, 0); }
static void idt(u32 vector, u32 low, u32 high) { hypercall(CALL_LOAD_IDT, vector, low, high, 0); }
static void gate_to(u32 vector, u32 offset, u32 type, u32 dpl)
{
    idt(vector, KERNEL_CS << 16 | (offset & 0xFFFF), (offset & 0xFFFF0000) | 0x8000 | dpl << 13 | type << 8);
}

static void gdt_end(void) { gdt(32, 0, 0); }
static void gdt_huge(void) { gdt(0xFFFFFFFF, 0, 0); }

static void gdt_host(void) // these are ignored
{
    static const u32 entries[] = { 10, 11, 16, 31 };
    for (u32 i = 0; i < COUNT(entries); i++) {
        gdt(entries[i], 0, 0);
        gdt(entries[i], 0xFFFFFFFF, 0xFFFFFFFF);
    }
    hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
}

static void gdt_own_code_gone(void) { gdt(KERNEL_CS >> 3, 0, 0); hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0); }
static void gdt_own_stack_gone(void) { gdt(KERNEL_DS >> 3, 0, 0); hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0); }
static void gdt_own_code_data(void) { gdt(KERNEL_CS >> 3, 0xFFFF, 0xCFB300); hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0); }

static u32 cpl(void)
{
    u32 cs;
    asm volatile("mov %%cs, %0" : "=r"(cs));
    return cs & 3;
}

static void gdt_level_0(void) // becomes level 1
{
    gdt(SPARE, 0xFFFF, 0xCF9A00);
    u32 level;
    if (TRY("ljmp $0xA0, $2f\n2:", "m"(trial)) == ~0u)
        TRY("ljmp $0x61, $2f\n2:", "m"(trial));
    level = cpl();
    if (level != 1)
        wrong("ring 0");
    if (TRY("movl $0xA0, %%eax\n\tmovl %%eax, %%es", "m"(trial)) == ~0u)
        asm volatile("movl %0, %%es" : : "r"(KERNEL_DS));
}

static void gdt_level_0_data(void)
{
    gdt(SPARE, 0xFFFF, 0xCF9200);
    TRY("movl $0xA0, %%eax\n\tmovl %%eax, %%es\n\tmovl %%es:0xC0100000, %%eax", "m"(trial));
    asm volatile("movl %0, %%es" : : "r"(KERNEL_DS));
}

static void gdt_conforming(void)
{
    gdt(SPARE, 0xFFFF, 0xCF9E00);
    TRY("ljmp $0xA1, $2f\n2:\tljmp $0x61, $3f\n3:", "m"(trial));
    if (cpl() != 1)
        wrong("another ring");
}

// A gate through which a far call would enter the host's code segment.
static void gdt_call_gate(void)
{
    u32 target;
    asm volatile("movl $2f, %0\n\tjmp 3f\n2:\tlret\n3:" : "=r"(target));
    gdt(SPARE, 0x50u << 16 | (target & 0xFFFF), (target & 0xFFFF0000) | 0x8C00 | 3 << 13);
    asm volatile("lcall $0xA0, $0" : : : "memory");
    wrong("a call gate was taken");
}

static void gdt_task_gate(void)
{
    gdt(SPARE, 0x80u << 16, 0x8500 | 3 << 13);
    asm volatile("ljmp $0xA0, $0");
    wrong("a task gate was taken");
}

static void gdt_task_state(void)
{
    static u32 task[26];
    u32 base = (u32)task;
    gdt(SPARE, 103 | base << 16, (base & 0xFF000000) | (base >> 16 & 0xFF) | 0xE900);
    asm volatile("ljmp $0xA0, $0");
    wrong("a task was switched to");
}

static void gdt_local_table(void)
{
    u32 base = (u32)&trial;
    gdt(SPARE, 0xFFFF | base << 16, (base & 0xFF000000) | (base >> 16 & 0xFF) | 0xE200);
    asm volatile("movl $0xA0, %%eax\n\tlldt %%ax" : : : "eax");
    wrong("a local table was loaded");
}

static void gdt_limit(void) // our own code segment ends before our code
{
    gdt(KERNEL_CS >> 3, 0x0000FFFF, 0x40BA00);
    hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
}

static void gdt_expand_down(void)
{
    gdt(SPARE, 0x00001000, 0xC0B600);
    TRY("movl $0xA1, %%eax\n\tmovl %%eax, %%es\n\tmovl %%es:0x10, %%eax", "m"(trial));
    asm volatile("movl %0, %%es" : : "r"(KERNEL_DS));
}

static void gdt_all(void) // every entry, every type; ours are put back
{
    for (u32 access = 0; access < 256; access++)
        for (u32 index = 17; index < 31; index++)
            gdt(index, 0x1234FFFF, 0xCF0000 | access << 8 | 0x56);
    static u8 tls[24];
    for (u32 access = 0; access < 256; access++) {
        memset(tls, (int)access, sizeof tls);
        hypercall(CALL_LOAD_TLS, phys(tls), 0, 0, 0);
    }
}

static void tls_level_0(void)
{
    static u32 tls[6] = { 0xFFFF, 0xCF9A00, 0xFFFF, 0x008900, 0x00500000, 0x00EC00 }; // code of level 0, a task, a call gate
    hypercall(CALL_LOAD_TLS, phys(tls), 0, 0, 0);
    TRY("ljmp $0x30, $2f\n2:\tljmp $0x61, $3f\n3:", "m"(trial));
    TRY("lcall $0x38, $0", "m"(trial));
    TRY("lcall $0x40, $0", "m"(trial));
    if (cpl() != 1)
        wrong("another ring");
}

static void idt_end(void) { gate_to(256, 0xC0100000, GATE_TRAP, 0); }
static void idt_task(void) { idt(20, 0x80u << 16, 0x8500); }
static void idt_call(void) { gate_to(20, 0xC0100000, 0xC, 0); }
static void idt_16_bit(void) { gate_to(20, 0xC0100000, 0x7, 0); }

static void idt_host(void) // ignored
{
    static const u32 vectors[] = { 2, 8, 15, 31 };
    for (u32 i = 0; i < COUNT(vectors); i++)
        gate_to(vectors[i], 0xA0000000, GATE_TRAP, 3);
    hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
}

static void idt_page_fault_direct(void) // a trap gate, but not one that the processor may take by itself
{
    extern void (*const stubs[48])(void);
    gate_to(14, (u32)stubs[14], GATE_TRAP, 3);
    gate_to(13, (u32)stubs[13], GATE_TRAP, 3);
    if (TRY("movl 0xA0000000, %%eax", "m"(trial)) != 14 || host_page.cr2 != 0xA0000000)
        wrong("a page fault without the host");
    if (TRY("int $14", "m"(trial)) != 13)
        wrong("a gate of the host's is open");
}

static void idt_handler_switcher(void)
{
    gate_to(0, 0u - host_page.reserve_mem, GATE_TRAP, 0);
    asm volatile("xorl %%ecx, %%ecx\n\tdivl %%ecx" : : : "eax", "ecx", "edx");
}

static void idt_handler_wild(void)
{
    gate_to(6, 0xA0000000, GATE_INTERRUPT, 0);
    asm volatile("ud2");
}

static void idt_endless(void) // each fault raises the next
{
    gate_to(14, 0xA0000000, GATE_INTERRUPT, 0);
    peek(0xA0000000);
}

static void idt_no_gate(void) { idt(6, 0, 0); asm volatile("ud2"); }
static void idt_no_page_fault(void) { idt(14, 0, 0); peek(0xA0000000); }

static void idt_selector(void) // the selector does not count
{
    extern void (*const stubs[48])(void);
    u32 offset = (u32)stubs[6];
    idt(6, 0x50u << 16 | (offset & 0xFFFF), (offset & 0xFFFF0000) | 0x8F00);
    if (TRY("ud2", "m"(trial)) != 6 || cpl() != 1)
        wrong("the selector counted");
}

static void int_host(void)
{
    if (TRY("int $2", "m"(trial)) != 13 || TRY("int $8", "m"(trial)) != 13 || TRY("int $15", "m"(trial)) != 13
        || TRY("int $7", "m"(trial)) != 13 || TRY("int $0x20", "m"(trial)) != 13 || TRY("int $255", "m"(trial)) != 13)
        wrong("a gate of the host's is open");
}

// A software interrupt onto a vector that has an error code brings none: the frame must be right all the same.
// Whether the host pushes one for the handler is left open; this handler sees where CS lies.
extern void soft_handler(void);
asm("soft_handler:\n\tcmpl $0x61, 4(%esp)\n\tje 1f\n\taddl $4, %esp\n1:\tincl interrupts\n\tmovl $0x200, host_page\n\tiret");

static void int_error_code(void)
{
    static const u32 vectors[] = { 10, 11, 12, 17 };
    for (u32 i = 0; i < COUNT(vectors); i++)
        gate_to(vectors[i], (u32)soft_handler, GATE_INTERRUPT, 1);
    asm volatile("int $10\n\tint $11\n\tint $12\n\tint $17" : : : "memory");
    if (interrupts != 4)
        wrong("a shifted frame");
}

const struct attack descriptor_attacks[] = {
    { "gdt-end", gdt_end },
    { "gdt-huge", gdt_huge },
    { "gdt-host-entries", gdt_host },
    { "gdt-own-code-gone", gdt_own_code_gone },
    { "gdt-own-stack-gone", gdt_own_stack_gone },
    { "gdt-own-code-is-data", gdt_own_code_data },
    { "gdt-level-0", gdt_level_0 },
    { "gdt-level-0-data", gdt_level_0_data },
    { "gdt-conforming", gdt_conforming },
    { "gdt-call-gate", gdt_call_gate },
    { "gdt-task-gate", gdt_task_gate },
    { "gdt-task-state", gdt_task_state },
    { "gdt-local-table", gdt_local_table },
    { "gdt-limit", gdt_limit },
    { "gdt-expand-down", gdt_expand_down },
    { "gdt-all", gdt_all },
    { "gdt-thread-segments", tls_level_0 },
    { "idt-end", idt_end },
    { "idt-task-gate", idt_task },
    { "idt-call-gate", idt_call },
    { "idt-16-bit", idt_16_bit },
    { "idt-host-vectors", idt_host },
    { "idt-page-fault-direct", idt_page_fault_direct },
    { "idt-handler-switcher", idt_handler_switcher },
    { "idt-handler-wild", idt_handler_wild },
    { "idt-endless", idt_endless },
    { "idt-no-gate", idt_no_gate },
    { "idt-no-page-fault", idt_no_page_fault },
    { "idt-selector", idt_selector },
    { "int-host-vectors", int_host },
    { "int-error-code", int_error_code },
    { 0 },
};
