// EFLAGS: bits that would give the machine away.
#include "hostile.h"

static u32 flags(void)
{
    u32 value;
    asm volatile("pushfl\n\tpopl %0" : "=r"(value));
    return value;
}

#define IOPL 0x3000u
#define NESTED 0x4000u
#define VIRTUAL 0x20000u

static void iopl(void)
{
    asm volatile("pushl %0\n\tpopfl" : : "r"(IOPL | 0x202));
    if (flags() & IOPL)
        wrong("an I/O privilege");
    hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
    if (flags() & IOPL)
        wrong("an I/O privilege");
}

static void interrupts_off(void)
{
    asm volatile("pushl $2\n\tpopfl");
    if (!(flags() & EFLAGS_IF))
        wrong("real interrupts are off");
}

static void by_iret(u32 value)
{
    asm volatile("pushl %0\n\tpushl $0x61\n\tpushl $1f\n\tiret\n1:" : : "r"(value) : "memory");
}

static void iret_iopl(void)
{
    by_iret(IOPL | 2);
    if ((flags() & IOPL) || !(flags() & EFLAGS_IF))
        wrong("iret gave a privilege");
}

static void iret_virtual(void)
{
    by_iret(VIRTUAL | 0x202);
    if (flags() & VIRTUAL)
        wrong("virtual-8086 mode");
}

static void nested_iret(void) // iret becomes a task switch, to a task that is not there
{
    asm volatile("pushl %0\n\tpopfl" : : "r"(NESTED | 0x202));
    by_iret(0x202);
}

static void nested_call(void)
{
    asm volatile("pushl %0\n\tpopfl" : : "r"(NESTED | 0x202));
    hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
    asm volatile("pushl $0x202\n\tpopfl");
}

static void single_step(void)
{
    asm volatile("pushl $0x302\n\tpopfl\n\tnop\n\tnop" : : : "memory");
    if (!interrupts)
        wrong("no trap");
}

static void single_step_call(void)
{
    for (u32 i = 0; i < 50; i++)
        asm volatile("pushl $0x302\n\tpopfl\n\tint $0x1F\n\tnop" : : "a"(CALL_FLUSH_ASYNC) : "memory");
}

static void single_step_direct(void) // into the processor's own delivery
{
    for (u32 i = 0; i < 50; i++)
        TRY("pushl $0x302\n\tpopfl\n\tud2", "m"(trial));
}

static void alignment(void)
{
    asm volatile("pushl $0x40202\n\tpopfl"); // only ring 3 is checked
    peek(PAD - PAGE * 60 + 1 - WINDOW_BASE + KERNEL_BASE);
    hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
    asm volatile("pushl $0x202\n\tpopfl");
}

// Interrupts at the lone iret, whose frame holds every bad flag.
static void lone_iret(void)
{
    for (u32 i = 0; i < 3000; i++) {
        hypercall(CALL_CLOCK, 1 + i % 9, 0, 0, 0);
        asm volatile("pushl %0\n\tpushl $0x61\n\tpushl $1f\n\tjmp noirq_iret\n1:" : : "r"(IOPL | VIRTUAL | 0x10202) : "memory");
        if (flags() & (IOPL | VIRTUAL))
            wrong("the lone iret gave a privilege");
    }
    hypercall(CALL_CLOCK, 0, 0, 0, 0);
}

static void lone_iret_no_frame(void)
{
    hypercall(CALL_CLOCK, 100, 0, 0, 0);
    asm volatile("movl $0xA0000FF8, %%esp\n\tjmp noirq_iret" : : : "memory");
}

static void irq_word(void) // only bit 9 counts
{
    for (u32 i = 0; i < 32; i++) {
        host_page.irq_enabled = ~(1u << i);
        hypercall(CALL_CLOCK, 1, 0, 0, 0);
        hypercall(CALL_SEND_INTERRUPTS, 0, 0, 0, 0);
    }
}

const struct attack flag_attacks[] = {
    { "flags-iopl", iopl },
    { "flags-interrupts-off", interrupts_off },
    { "flags-iret-iopl", iret_iopl },
    { "flags-iret-virtual", iret_virtual },
    { "flags-nested-iret", nested_iret },
    { "flags-nested-call", nested_call },
    { "flags-single-step", single_step },
    { "flags-single-step-call", single_step_call },
    { "flags-single-step-trap", single_step_direct },
    { "flags-alignment", alignment },
    { "flags-lone-iret", lone_iret },
    { "flags-lone-iret-no-frame", lone_iret_no_frame },
    { "flags-irq-word", irq_word },
    { 0 },
};
