// Hypercalls that do not exist, come too often, or name what is not there; and the ring that carries them.
#include "hostile.h"

static void slot(u32 i, u32 call, u32 a, u32 b)
{
    host_page.slots[i].call = call;
    host_page.slots[i].a = a;
    host_page.slots[i].b = b;
    host_page.slots[i].c = 0;
    host_page.slots[i].d = 0;
    host_page.status[i] = 0;
}

static void in_ring(u32 call, u32 a, u32 b)
{
    for (u32 i = 0; i < RING_SLOTS; i++) // wherever the host's cursor is
        slot(i, call, a, b);
    hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
}

static void init_twice(void) { hypercall(CALL_INIT, phys(&host_page), 0, 0, 0); }
static void unknown(void) { hypercall(99, 0, 0, 0, 0); }
static void gap(void) { hypercall(3, 0, 0, 0, 0); }
static void huge(void) { hypercall(0xFFFFFFFF, 0, 0, 0, 0); }
static void shutdown_wild(void) { hypercall(CALL_SHUTDOWN, WILD, 1, 0, 0); }
static void tls_wild(void) { hypercall(CALL_LOAD_TLS, WILD, 0, 0, 0); }
static void tls_end(void) { hypercall(CALL_LOAD_TLS, memory_bytes - 8, 0, 0, 0); }

static void ring_flood(void)
{
    for (u32 i = 0; i < 300; i++)
        in_ring(i % 2 ? CALL_FLUSH_TLB : CALL_TS, 0, 0);
}

static void ring_init(void) { in_ring(CALL_INIT, phys(&host_page), 0); }
static void ring_unknown(void) { in_ring(99, 0, 0); }
static void ring_nested(void) { in_ring(CALL_FLUSH_ASYNC, 0, 0); }
static void ring_wild_table(void) { in_ring(CALL_NEW_PAGE_TABLE, WILD, 0); }
static void ring_stack(void) { in_ring(CALL_SET_STACK, 0x68, 0xC0101000); }

static void ring_halt(void)
{
    irq_disable();
    hypercall(CALL_CLOCK, 100000, 0, 0, 0);
    in_ring(CALL_HALT, 0, 0);
    hypercall(CALL_CLOCK, 0, 0, 0, 0);
}

static void ring_shutdown(void)
{
    static char text[] = "hostile: call-ring-shutdown survives";
    in_ring(CALL_SHUTDOWN, phys(text), 1);
}

// Every status a different byte; only 0xFF is free.
static void ring_statuses(void)
{
    for (u32 i = 0; i < RING_SLOTS; i++) {
        slot(i, CALL_TS, 0, 0);
        host_page.status[i] = (u8)(i * 4);
    }
    hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
    for (u32 i = 0; i < RING_SLOTS; i++)
        if (host_page.status[i] != SLOT_FREE)
            wrong("a slot was not run");
}

// The host's words in the shared page are only words.
static void page_scribble(void)
{
    volatile u32 *words = (volatile u32 *)&host_page;
    for (u32 i = 0; i < sizeof host_page / 4; i++)
        if (i != 1 && (i < 6 || i >= 22))
            words[i] = 0xFFFFFFFF;
    for (u32 i = 0; i < 10; i++)
        hypercall(CALL_SEND_INTERRUPTS, 0, 0, 0, 0);
}

static void clock_flood(void)
{
    for (u32 i = 0; i < 3000; i++)
        hypercall(CALL_CLOCK, i % 3, 0, 0, 0);
}

static void clock_longest(void)
{
    hypercall(CALL_CLOCK, 0xFFFFFFFF, 0, 0, 0);
}

// Not from ring 3.
static void from_user_ring(void)
{
    static const char code[] = "\xB8\x02\x00\x00\x00\xCD\x1F\xCD\x80"; // mov $2, %eax; int $0x1F; int $0x80
    run_user(code, sizeof code);
}

static void send_flood(void)
{
    for (u32 i = 0; i < 20000; i++)
        hypercall(CALL_SEND_INTERRUPTS, 0, 0, 0, 0);
}

const struct attack call_attacks[] = {
    { "call-init-twice", init_twice },
    { "call-unknown", unknown },
    { "call-gap", gap },
    { "call-huge", huge },
    { "call-shutdown-wild", shutdown_wild },
    { "call-tls-wild", tls_wild },
    { "call-tls-end", tls_end },
    { "call-from-user", from_user_ring },
    { "call-send-flood", send_flood },
    { "call-ring-flood", ring_flood },
    { "call-ring-init", ring_init },
    { "call-ring-unknown", ring_unknown },
    { "call-ring-nested", ring_nested },
    { "call-ring-wild-table", ring_wild_table },
    { "call-ring-stack", ring_stack },
    { "call-ring-halt", ring_halt },
    { "call-ring-shutdown", ring_shutdown },
    { "call-ring-statuses", ring_statuses },
    { "call-page-scribble", page_scribble },
    { "call-clock-flood", clock_flood },
    { "call-clock-longest", clock_longest },
    { 0 },
};
