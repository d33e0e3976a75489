// PCI and the registers of virtio devices.
#include "hostile.h"

static struct virtio console;

static void find(void)
{
    if (!virtio_find(&console, VIRTIO_CONSOLE))
        wrong("no console");
    virtio_map(&console, 0);
}

// After all that: the console must still start from a reset and take a line.
static void again(void)
{
    if (!console_queue())
        wrong("the console does not start again");
    print("hostile: the console works\n");
    console_drain();
}

static void pci_all(void)
{
    for (u32 device = 0; device < 32; device++)
        for (u32 offset = 0; offset < 256; offset += 4)
            for (u32 bytes = 1; bytes <= 4; bytes *= 2)
                pci_read(device, offset, bytes);
    for (u32 address = 0; address < 0x2000000; address += 0x10333) { // other buses, other functions
        out32(0xCF8, 0x80000000u | address);
        in32(0xCFC);
        out32(0xCFC, 0xFFFFFFFF);
    }
}

static void pci_write_all(void)
{
    for (u32 device = 0; device < 32; device++)
        for (u32 offset = 0; offset < 256; offset += 4)
            pci_write(device, offset, 4, 0xFFFFFFFF);
    for (u32 device = 0; device < 32; device++)
        for (u32 offset = 0; offset < 256; offset++)
            pci_write(device, offset, 1, (u8)(offset * 7));
}

static void pci_odd_ports(void)
{
    out8(0xCFB, 1);
    for (u32 i = 0; i < 8; i++) {
        in32((u16)(0xCF8 + i));
        in16((u16)(0xCF8 + i));
        out16((u16)(0xCF8 + i), 0xFFFF);
        out8((u16)(0xCF8 + i), 0xFF);
    }
}

static void bar_over_memory(void)
{
    find();
    u32 before = pci_read(console.pci, 0x10, 4);
    for (u32 place = 0; place < memory_bytes; place += 1u << 20) {
        pci_write(console.pci, 0x10, 4, place);
        peek((u32)virt(0));
    }
    pci_write(console.pci, 0x10, 4, 0xFFFFFFFF);
    pci_write(console.pci, 0x10, 4, before);
    again();
}

static void window_wild(void)
{
    find();
    static const u32 offsets[] = { 0xFFFFFFFF, 0x80000000, 0x1000, 72, 71, 61, 1 }, lengths[] = { 0, 1, 2, 3, 4, 5, 0x100, 0xFFFFFFFF };
    for (u32 bar = 0; bar < 8; bar++) {
        for (u32 i = 0; i < COUNT(offsets) * COUNT(lengths); i++) {
            pci_write(console.pci, console.window + 4, 1, bar);
            pci_write(console.pci, console.window + 8, 4, offsets[i % COUNT(offsets)]);
            pci_write(console.pci, console.window + 12, 4, lengths[i / COUNT(offsets)]);
            pci_read(console.pci, console.window + 16, 4);
            pci_write(console.pci, console.window + 16, 4, 0x12345678);
            pci_write(console.pci, console.window + 17, 2, 0xFFFF);
        }
    }
    pci_write(console.pci, console.window + 4, 1, 0);
    again();
}

// Every register, every width, aligned or not, every value.
static void registers_all(void)
{
    find();
    for (u32 offset = 0; offset < 80; offset++) {
        volatile u8 *at = console.common + offset;
        (void)*at;
        (void)*(volatile u16 *)at;
        (void)*(volatile u32 *)at;
        *at = 0xFF;
        *(volatile u16 *)at = 0xFFFF;
        *(volatile u32 *)at = 0xFFFFFFFF;
        *(volatile u32 *)at = 0x80000001;
    }
    for (u32 offset = PAGE - 16; offset < PAGE - 4; offset++) {
        (void)*(volatile u32 *)(console.common + offset);
        *(volatile u32 *)(console.common + offset) = 1;
    }
    again();
}

static void registers_across(void) // half of it in the next page, which is not there
{
    find();
    set_leaf(current_top, IO_BASE + PAGE, 0, TELL_NOW);
    *(volatile u32 *)(console.common + PAGE - 2) = 1;
}

static void registers_strings(void) // moves, exchanges, arithmetic on registers
{
    find();
    static u32 buffer[32];
    u32 base = (u32)console.common;
    TRY("pushl %%edi\n\tpushl %%esi\n\tmovl %1, %%esi\n\tmovl %2, %%edi\n\tmovl $18, %%ecx\n\trep movsl\n\tpopl %%esi\n\tpopl %%edi", "r"(base), "r"(buffer));
    TRY("lock incl 8(%1)", "r"(base));
    TRY("xchgl %%eax, 8(%1)", "r"(base));
    TRY("btsl $3, 8(%1)", "r"(base));
    TRY("cmpxchg8b 8(%1)", "r"(base));
    TRY("fildll 32(%1)", "r"(base));
    TRY("pushl 8(%1)\n\tpopl 8(%1)", "r"(base));
    again();
}

static void status_order(void)
{
    find();
    static const u8 states[] = { 4, 0, 8, 0, 0x0F, 0, 0x80, 0xFF, 0, 1, 5, 0, 3, 0x0B, 1, 0 };
    for (u32 i = 0; i < COUNT(states) * 20; i++) {
        console.common[20] = states[i % COUNT(states)];
        *console.notify = 0;
        *(volatile u16 *)console.notify = 1;
    }
    again();
}

static void features_wild(void)
{
    find();
    for (u32 select = 0; select < 40; select++) {
        *(volatile u32 *)(console.common + 0) = select;
        *(volatile u32 *)(console.common + 8) = select;
        *(volatile u32 *)(console.common + 12) = 0xFFFFFFFF;
    }
    console.common[20] = 0x0B;
    console.common[20] = 0x0F;
    *(volatile u16 *)console.notify = 1;
    again();
}

static void queues_wild(void)
{
    find();
    if (!virtio_negotiate(&console, 0))
        wrong("no features");
    static const u16 numbers[] = { 0, 1, 2, 3, 0x7FFF, 0xFFFF }, sizes[] = { 0, 3, 257, 0x8000, 0xFFFF, 5 };
    for (u32 i = 0; i < COUNT(numbers) * COUNT(sizes); i++) {
        *(volatile u16 *)(console.common + 22) = numbers[i % COUNT(numbers)];
        *(volatile u16 *)(console.common + 24) = sizes[i / COUNT(numbers)];
        *(volatile u16 *)(console.common + 28) = 1;
        *(volatile u16 *)console.notify = numbers[i % COUNT(numbers)];
    }
    console.common[20] = 0x0F;
    for (u32 i = 0; i < 6; i++)
        *(volatile u16 *)console.notify = numbers[i];
    again();
}

static void notify_flood(void)
{
    find();
    for (u32 i = 0; i < 20000; i++)
        *(volatile u16 *)console.notify = (u16)(i % 3);
    again();
}

static void reset_storm(void)
{
    find();
    for (u32 i = 0; i < 500; i++)
        virtio_negotiate(&console, 0xFFFFFFFF);
    again();
}

static void emergency_flood(void)
{
    find();
    for (u32 i = 0; i < 100; i++)
        virtio_window_write(&console, console.config_offset + 8, 4, 0xFFFFFF00);
    *(volatile u8 *)(console.config + 8) = 'x';
    *(volatile u16 *)(console.config + 9) = 0xFFFF;
    *(volatile u32 *)(console.config + 11) = 0xFFFFFFFF;
    again();
}

const struct attack device_attacks[] = {
    { "pci-all", pci_all },
    { "pci-write-all", pci_write_all },
    { "pci-odd-ports", pci_odd_ports },
    { "pci-bar-over-memory", bar_over_memory },
    { "pci-window-wild", window_wild },
    { "registers-all", registers_all },
    { "registers-across", registers_across },
    { "registers-strings", registers_strings },
    { "virtio-status-order", status_order },
    { "virtio-features", features_wild },
    { "virtio-queues-wild", queues_wild },
    { "virtio-notify-flood", notify_flood },
    { "virtio-reset-storm", reset_storm },
    { "virtio-emergency-flood", emergency_flood },
    { 0 },
};
