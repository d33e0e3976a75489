// Guests that sleep for ever, or never.
#include "hostile.h"

static void blocked(void)
{
    host_page.blocked_interrupts = 0xFFFFFFFF;
    hypercall(CALL_CLOCK, 1000, 0, 0, 0);
    hypercall(CALL_HALT, 0, 0, 0, 0);
}

static void nothing_to_come(void)
{
    hypercall(CALL_CLOCK, 0, 0, 0, 0);
    hypercall(CALL_HALT, 0, 0, 0, 0);
}

static void no_gate(void)
{
    hypercall(CALL_LOAD_IDT, FIRST_IRQ_VECTOR, 0, 0, 0);
    hypercall(CALL_CLOCK, 1000, 0, 0, 0);
    hypercall(CALL_HALT, 0, 0, 0, 0);
}

static void disabled(void) // waking turns them on
{
    irq_disable();
    hypercall(CALL_CLOCK, 1000, 0, 0, 0);
    hypercall(CALL_HALT, 0, 0, 0, 0);
    if (!interrupts || !(host_page.irq_enabled & EFLAGS_IF))
        wrong("woken without an interrupt");
}

static void often(void)
{
    for (u32 i = 0; i < 300; i++) {
        irq_disable(); // or it might come before we sleep
        hypercall(CALL_CLOCK, 1 + i, 0, 0, 0);
        hypercall(CALL_HALT, 0, 0, 0, 0);
    }
}

// The handler never lets the next one come.
static void gate_to_nowhere(void)
{
    hypercall(CALL_LOAD_IDT, FIRST_IRQ_VECTOR, KERNEL_CS << 16, 0xA0000000 | 0x8E00, 0);
    hypercall(CALL_CLOCK, 1000, 0, 0, 0);
    hypercall(CALL_HALT, 0, 0, 0, 0);
}

const struct attack halt_attacks[] = {
    { "halt-blocked", blocked },
    { "halt-nothing-to-come", nothing_to_come },
    { "halt-no-gate", no_gate },
    { "halt-disabled", disabled },
    { "halt-often", often },
    { "halt-gate-to-nowhere", gate_to_nowhere },
    { 0 },
};
