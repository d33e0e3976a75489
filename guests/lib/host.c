#include "host.h"
#include "text.h"

volatile struct host_page host_page ALIGNED(PAGE);

static u32 next_slot; // the host goes round in the same order

void hypercall_later(u32 call, u32 a, u32 b, u32 c, u32 d)
{
    u32 before = irq_save(); // an interrupt's handler may want a slot too
    if (host_page.status[next_slot] != SLOT_FREE) {
        hypercall(call, a, b, c, d);
    } else {
        host_page.slots[next_slot].call = call;
        host_page.slots[next_slot].a = a;
        host_page.slots[next_slot].b = b;
        host_page.slots[next_slot].c = c;
        host_page.slots[next_slot].d = d;
        asm volatile("" : : : "memory");
        host_page.status[next_slot] = 0; // now it counts
        next_slot = (next_slot + 1) % RING_SLOTS;
    }
    irq_restore(before);
}

void shutdown(const char *text)
{
    static char copy[128];
    format(copy, sizeof copy, "%s", text);
    while (true)
        hypercall(CALL_SHUTDOWN, phys(copy), 1, 0, 0);
}

void load_gate(u32 vector, void (*handler)(void), u32 type, u32 dpl)
{
    u32 offset = (u32)handler;
    hypercall(CALL_LOAD_IDT, vector, KERNEL_CS << 16 | (offset & 0xFFFF), (offset & 0xFFFF0000) | 0x8000 | dpl << 13 | type << 8, 0);
}

u64 segment_descriptor(u32 base, u32 limit, u32 access)
{
    u32 low = (limit & 0xFFFF) | base << 16;
    u32 high = (base & 0xFF000000) | (limit & 0xF0000) | 0xC00000 | access << 8 | (base >> 16 & 0xFF); // 32 bits, limit in pages
    return (u64)high << 32 | low;
}

void load_segment(u32 index, u32 base, u32 limit, u32 access)
{
    u64 descriptor = segment_descriptor(base, limit, access);
    hypercall(CALL_LOAD_GDT, index, (u32)descriptor, (u32)(descriptor >> 32), 0);
}

extern void (*const stubs[48])(void);
extern void syscall_stub(void);

void load_descriptors(void)
{
    load_segment(USER_CS >> 3, 0, 0xFFFFF, 0xFA);
    load_segment(USER_DS >> 3, 0, 0xFFFFF, 0xF2);
    for (u32 i = 0; i < 48; i++) {
        // Trap gates below 32 come to us directly. A page fault must not be interrupted before cr2 is read, and a breakpoint shows
        // the other way: through the host, interrupts off. Users may use 3 (INT3), 4 (INTO) and 5 (BOUND).
        u32 type = i >= FIRST_IRQ_VECTOR || i == 14 || i == 3 ? GATE_INTERRUPT : GATE_TRAP;
        load_gate(i, stubs[i], type, i >= 3 && i <= 5 ? 3 : 0);
    }
    load_gate(SYSCALL_VECTOR, syscall_stub, GATE_TRAP, 3);
}
