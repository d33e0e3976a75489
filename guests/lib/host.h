// The host as the guest sees it: hypercalls, the page that both share, descriptors. See docs: the lguest interface.
#pragma once
#include "types.h"

enum {
    CALL_FLUSH_ASYNC = 0,
    CALL_INIT = 1,
    CALL_SHUTDOWN = 2,
    CALL_NEW_PAGE_TABLE = 4,
    CALL_FLUSH_TLB = 5,
    CALL_LOAD_IDT = 6,
    CALL_SET_STACK = 7,
    CALL_TS = 8,
    CALL_CLOCK = 9,
    CALL_HALT = 10,
    CALL_SET_PMD = 13,
    CALL_SET_PTE = 14,
    CALL_SET_PGD = 15,
    CALL_LOAD_TLS = 16,
    CALL_LOAD_GDT = 18,
    CALL_SEND_INTERRUPTS = 19,
};

#define RING_SLOTS 64
#define SLOT_FREE 0xFF
#define EFLAGS_IF 0x200u

struct host_page {
    u32 irq_enabled; // bit 9 counts: our interrupt flag; the real one is never off
    u32 blocked_interrupts;
    u32 cr2;
    u32 seconds;
    u32 nanoseconds;
    u32 irq_pending;
    u8 status[RING_SLOTS];
    struct {
        u32 call, a, b, c, d;
    } slots[RING_SLOTS];
    u32 reserve_mem;
    u32 tsc_khz;
    u32 noirq_iret;
    u32 kernel_address;
    u32 syscall_vector;
};
_Static_assert(sizeof(struct host_page) == 1388, "the page that guest and host share");

extern volatile struct host_page host_page;

static inline void hypercall(u32 call, u32 a, u32 b, u32 c, u32 d)
{
    asm volatile("int $0x1F" : : "a"(call), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
}

// Puts a call into the ring: the host makes it before the next ordinary one. A full ring: it is made at once.
void hypercall_later(u32 call, u32 a, u32 b, u32 c, u32 d);

// Ends this guest: the text is what the host shows.
_Noreturn void shutdown(const char *text);

static inline void irq_disable(void)
{
    host_page.irq_enabled = 0;
    asm volatile("" : : : "memory");
}

static inline void irq_enable(void)
{
    asm volatile("" : : : "memory");
    host_page.irq_enabled = EFLAGS_IF;
    if (host_page.irq_pending)
        hypercall(CALL_SEND_INTERRUPTS, 0, 0, 0, 0);
}

static inline u32 irq_save(void)
{
    u32 before = host_page.irq_enabled;
    irq_disable();
    return before;
}

static inline void irq_restore(u32 before)
{
    if (before & EFLAGS_IF)
        irq_enable();
}

// Selectors: the host made entries 12 and 13; 14 and 15 are ours, 6 to 8 belong to the current process.
#define KERNEL_CS 0x61
#define KERNEL_DS 0x69
#define USER_CS 0x73
#define USER_DS 0x7B
#define USER_TLS 0x33

#define SYSCALL_VECTOR 0x80
#define FIRST_IRQ_VECTOR 32

enum { GATE_INTERRUPT = 0xE, GATE_TRAP = 0xF };
void load_gate(u32 vector, void (*handler)(void), u32 type, u32 dpl);
void load_segment(u32 index, u32 base, u32 limit_pages, u32 access);
u64 segment_descriptor(u32 base, u32 limit_pages, u32 access);
void load_descriptors(void);

// Everything that a trap or an interrupt found, in the order in which lib/traps.S pushes it.
struct frame {
    u32 gs, fs, es, ds;
    u32 edi, esi, ebp, unused, ebx, edx, ecx, eax;
    u32 vector, code;
    u32 eip, cs, eflags;
    u32 esp, ss; // only when it came from ring 3
};

static inline bool from_user(const struct frame *frame) { return (frame->cs & 3) == 3; }

// Each guest's own.
void trap(struct frame *frame);
_Noreturn void kernel_main(void);
