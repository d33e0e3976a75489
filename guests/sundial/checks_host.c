// What the host promises: the shared page, the processor, the clock and the interrupt flag in memory.
#include "../lib/boot.h"
#include "../lib/pci.h"
#include "../lib/text.h"
#include "process.h"

static u32 boot_params(void)
{
    u8 *params = virt(0);
    asm("" : "+r"(params));
    EXPECT(params[0x1E8] == 1);                                              // one e820 entry: all memory from 0 on
    EXPECT(*(u64 *)(params + 0x2D0) == 0 && *(u32 *)(params + 0x2E0) == 1);
    EXPECT(*(u16 *)(params + 0x206) == 0x207);                               // boot protocol
    EXPECT(params[0x211] & 0x40);                                            // keep segments
    EXPECT(*(u32 *)(params + 0x230) == 0x1000000);
    EXPECT(*(u32 *)(params + 0x23C) == 1);                                   // subarchitecture: this host
    EXPECT(command_line == virt(0x1000));
    return 0;
}

static u32 host_data(void)
{
    EXPECT(host_page.tsc_khz != 0);
    EXPECT(host_page.reserve_mem != 0 && host_page.reserve_mem <= 0u - (AREA_BASE + AREA_BYTES));
    EXPECT(host_page.seconds != 0 && host_page.nanoseconds < 1000000000);
    for (u32 i = 0; i < RING_SLOTS; i++)
        EXPECT(host_page.status[i] == SLOT_FREE); // what has been asked for so far has been done
    return 0;
}

// More calls than the ring has slots; each is a change of the window that can be seen.
static u32 ring(void)
{
    for (u32 round = 0; round < 3 * RING_SLOTS; round++)
        hypercall_later(CALL_TS, round & 1, 0, 0, 0);
    hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
    for (u32 i = 0; i < RING_SLOTS; i++)
        EXPECT(host_page.status[i] == SLOT_FREE);
    return 0;
}

static void cpuid(u32 leaf, u32 *a, u32 *b, u32 *c, u32 *d)
{
    asm volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(0));
}

static u32 processor(void)
{
    u32 a, b, c, d;
    cpuid(0, &a, &b, &c, &d);
    EXPECT(a >= 1 && b == 0x756E6547 && d == 0x49656E69 && c == 0x6C65746E); // GenuineIntel
    cpuid(1, &a, &b, &c, &d);
    EXPECT((a >> 8 & 15) == 6 && (a >> 4 & 15) >= 9);
    u32 needed = 1 << 0 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 8 | 1 << 15; // FPU TSC MSR PAE CX8 CMOV
    EXPECT((d & needed) == needed);
    u32 cr0;
    asm volatile("mov %%cr0, %0" : "=r"(cr0));
    EXPECT(cr0 & 1);
    return 0;
}

static u32 ports(void)
{
    EXPECT(in8(0x64) == 1);
    EXPECT(in8(0x3F8) == 0xFF && in16(0x3F8) == 0xFFFF && in32(0x3F8) == 0xFFFFFFFF); // nothing there
    out8(0x80, 1);
    out32(0xCF8, 0x80000000);
    EXPECT(in32(0xCF8) == 0x80000000);
    EXPECT(pci_read(0, 8, 4) >> 16 == 0x0600); // the host bridge
    EXPECT(pci_read(1, 0, 4) == 0x10431AF4);   // the console comes first
    EXPECT(pci_read(1, 2, 2) == 0x1043 && pci_read(1, 1, 1) == 0x1A);
    u32 eax = 0x12345678;
    asm volatile("inb $0x64, %%al" : "+a"(eax));
    EXPECT(eax == 0x12345601); // a byte read leaves the rest
    return 0;
}

static u32 clock(void)
{
    u32 before = ticks;
    clock_once(500);
    irq_disable();
    while (ticks == before) { // the loop: another interrupt may wake us as well
        hypercall(CALL_HALT, 0, 0, 0, 0);
        EXPECT(host_page.irq_enabled & EFLAGS_IF); // waking turned them on
        irq_disable();
    }
    irq_enable();
    EXPECT(ticks == before + 1);
    pass_time(3000); // one shot: no second one
    EXPECT(ticks == before + 1);
    clock_once(1000);
    clock_stop();
    pass_time(3000);
    EXPECT(ticks == before + 1);
    return 0;
}

static u32 interrupt_flag(void)
{
    u32 before = ticks;
    irq_disable();
    clock_once(100);
    pass_time(2000);
    EXPECT(ticks == before && host_page.irq_pending == EFLAGS_IF);
    irq_enable(); // sees that one is pending and asks for it
    EXPECT(ticks == before + 1);
    EXPECT(host_page.irq_pending == 0);
    return 0;
}

static u32 blocked(void)
{
    u32 before = ticks;
    host_page.blocked_interrupts = 1;
    clock_once(100);
    pass_time(2000);
    EXPECT(ticks == before);
    host_page.blocked_interrupts = 0;
    hypercall(CALL_SEND_INTERRUPTS, 0, 0, 0, 0);
    EXPECT(ticks == before + 1);
    return 0;
}

// Interrupts at any instruction of a tight loop of entering and leaving the kernel: also at the lone iret.
static u32 storm(void)
{
    u32 before = ticks, divided = 0;
    for (u32 i = 0; i < 200; i++) {
        clock_once(1 + i % 7);
        for (u32 j = 0; j < 20; j++) {
            u32 resume;
            asm volatile("movl $1f, %0\n\tmovl $0, %1\n\tint3\n\tmovl $2f, %0\n1:\n2:" : "=m"(trial.resume), "=m"(trial.vector) : : "memory");
            resume = trial.resume;
            divided += trial.vector == 3 && !resume;
        }
    }
    clock_stop();
    EXPECT(divided == 4000);
    EXPECT(ticks != before);
    return 0;
}

static u32 time(void)
{
    u32 seconds = host_page.seconds, nanoseconds = host_page.nanoseconds;
    for (u32 i = 0; i < 5; i++) {
        u32 before = ticks;
        clock_once(1000);
        while (ticks == before)
            pass_time(100);
        u32 s = host_page.seconds, n = host_page.nanoseconds;
        EXPECT(n < 1000000000);
        EXPECT(s > seconds || (s == seconds && n > nanoseconds)); // told at each interrupt, never backwards
        seconds = s;
        nanoseconds = n;
    }
    return 0;
}

const struct named_check host_checks[] = {
    { "boot-params", boot_params },
    { "host-page", host_data },
    { "async-ring", ring },
    { "processor", processor },
    { "ports", ports },
    { "clock", clock },
    { "interrupt-flag", interrupt_flag },
    { "blocked", blocked },
    { "interrupt-storm", storm },
    { "time", time },
    { 0 },
};
