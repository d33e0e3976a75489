// Single entries: frames that are not there, bits that mean nothing, addresses that are the host's.
#include "hostile.h"

static void touch(u64 value)
{
    pad((entry)value, TELL_NOW);
    peek(PAD);
}

static void leaf_wild(void) { touch(WILD | ENTRY_P | ENTRY_W); }
static void leaf_end(void) { touch(memory_bytes | ENTRY_P | ENTRY_W); }
static void leaf_hole(void) { touch((memory_bytes + (512u << 10)) | ENTRY_P); }
static void leaf_behind_devices(void) { touch((memory_bytes + (64u << 20)) | ENTRY_P); }

static void leaf_wild_write(void)
{
    pad(WILD | ENTRY_P | ENTRY_W | ENTRY_A | ENTRY_D, TELL_NOT);
    flush_all();
    poke(PAD, 1);
}

// Announced, but never used: nothing may come of it.
static void leaf_wild_unused(void)
{
    for (u32 i = 0; i < 2000; i++)
        pad((WILD - i * PAGE) | ENTRY_KERNEL, TELL_NOW);
    pad(0, TELL_NOW);
}

static void leaf_swap_like(void)
{
    for (u32 i = 0; i < 5000; i++)
        pad((i * PAGE) | ENTRY_A | ENTRY_D | ENTRY_W, TELL_NOW);
    for (u32 i = 0; i < 5000; i++)
        pad((WILD - i * PAGE) | ENTRY_A | ENTRY_D, TELL_LATER);
}

static void leaf_attributes(void)
{
    gpa frame = take_low();
    for (u32 bits = 0; bits < 16; bits++) {
        // Write-through, no cache, PAT, global, and the three free ones.
        u32 flags = (bits & 1 ? 0x008 : 0) | (bits & 2 ? 0x010 : 0) | (bits & 4 ? 0x080 : 0) | (bits & 8 ? 0x100 : 0) | (bits * 0x600 & 0xE00);
        pad(frame | ENTRY_P | ENTRY_W | flags, TELL_NOW);
        poke(PAD, bits);
        if (peek((u32)virt(frame)) != bits)
            wrong("attributes change the page");
    }
}

// Clean but accessed and writable: the first write must be seen in the entry.
static void leaf_clean(void)
{
    gpa frame = take_low();
    for (u32 i = 0; i < 100; i++) {
        volatile entry *leaf = pad(frame | ENTRY_P | ENTRY_W | ENTRY_A, TELL_NOW);
        poke(PAD, i);
        if (!(*leaf & ENTRY_D))
            wrong("a write without D");
    }
}

static void leaf_reserved(void)
{
#ifdef PAE
    for (u32 bit = 36; bit < 63; bit++) {
        pad(0x123000 | ENTRY_KERNEL | 1ull << bit, TELL_NOW);
        if (TRY("movl (%1), %%eax", "r"(PAD)) != 14 || trial.code != 9)
            wrong("a reserved bit");
    }
    touch(0x123000 | ENTRY_KERNEL | 1ull << 62);
#else
    touch(0);
#endif
}

static void leaf_no_execute(void)
{
    gpa frame = take_low();
    *(u8 *)virt(frame) = 0xC3; // ret
#ifdef PAE
    pad(frame | ENTRY_KERNEL | 1ull << 63, TELL_NOW); // reserved where no-execute is off: a fault in either case
#else
    pad(0, TELL_NOW);
#endif
    asm volatile("call *%0" : : "r"(PAD) : "memory");
}

static void leaf_high(void) // with PAE above 4 GiB: cut to 32 bits it would be a page of ours
{
#ifdef PAE
    touch(0x100123000ull | ENTRY_P | ENTRY_W);
#else
    touch(0x80123000u | ENTRY_P | ENTRY_W);
#endif
}

static void pte_switcher(void) { hypercall(CALL_SET_PTE, phys(current_top), 0xFFFFF000, 0x123000 | ENTRY_KERNEL, 0); }
static void pte_switcher_start(void) { hypercall(CALL_SET_PTE, phys(current_top), 0u - host_page.reserve_mem, 0x123000 | ENTRY_KERNEL, 0); }
static void pte_below_switcher(void) { hypercall(CALL_SET_PTE, phys(current_top), 0u - host_page.reserve_mem - PAGE, 0x123000 | ENTRY_KERNEL, 0); }
static void pte_wild_top(void) { hypercall(CALL_SET_PTE, WILD, PAD, 0, 0); }

static void pte_no_table(void)
{
    for (u32 address = 0; address < KERNEL_BASE; address += 1u << 24)
        hypercall(CALL_SET_PTE, phys(current_top), address, 0x123000 | ENTRY_KERNEL, 0);
}

// What is announced is not what is in the table.
static void pte_liar(void)
{
    gpa frame = take_low();
    pad(frame | ENTRY_KERNEL, TELL_NOW);
    for (u32 i = 0; i < 1000; i++) {
        hypercall(CALL_SET_PTE, phys(current_top), PAD, (i * PAGE) | ENTRY_KERNEL, 0);
        hypercall(CALL_SET_PTE, phys(current_top), PAD, (WILD - i * PAGE) | ENTRY_KERNEL, 0);
    }
}

static u32 idt_base(void)
{
    struct { u16 limit; u32 base; } PACKED table;
    asm volatile("sidt %0" : "=m"(table));
    return table.base;
}

// The processor's own tables, through the addresses that it uses.
static void switcher_write_state(void) { poke(idt_base() & ~(PAGE - 1), 0); }
static void switcher_write_gate(void) { poke(idt_base() + 13 * 8, 0xFFFFFFFF); }
static void switcher_write_code(void) { poke(0u - host_page.reserve_mem, 0xCCCCCCCC); }

static void switcher_read(void)
{
    for (u32 address = 0u - host_page.reserve_mem; address; address += PAGE)
        TRY("movl (%1), %%eax", "r"(address));
}

// Wherever it may be written: registers of ours that lie there are ours to spoil.
static void switcher_scribble(void)
{
    u32 state = idt_base() & ~(PAGE - 1);
    for (u32 address = state - PAGE; address < state; address += 4)
        if (TRY("movl $0xDEADBEEF, (%1)", "r"(address)) != ~0u)
            break;
    hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
    hypercall(CALL_TS, 0, 0, 0, 0);
}

static void switcher_own_table(void) // our tables say that other pages lie there
{
    u32 address = 0u - host_page.reserve_mem;
    entry *leaf = make_leaf(master, address);
    for (u32 i = 0; i < 8; i++)
        write_entry(leaf + i, take_low() | ENTRY_KERNEL);
    flush_all();
    for (u32 i = 0; i < 8; i++)
        TRY("movl $0, (%1)", "r"(address + i * PAGE));
    hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
}

// The page that is running is rewritten, again and again.
static void self_modifying(void)
{
    gpa frame = take_low();
    u8 *code = virt(frame);
    pad(frame | ENTRY_KERNEL, TELL_NOW);
    for (u32 i = 0; i < 2000; i++) {
        code[0] = 0xB8; // mov $i, %eax; ret
        *(volatile u32 *)(code + 1) = i;
        code[5] = 0xC3;
        u32 result;
        asm volatile("call *%1" : "=a"(result) : "r"(PAD) : "memory");
        if (result != i)
            wrong("old code ran");
    }
}

// The leaf table that maps it, changed through a mapping of its own; now and then somebody is told.
static void self_modifying_table(void)
{
    volatile entry *leaf = find_leaf(current_top, PAD);
    gpa a = take_low(), b = take_low();
    poke((u32)virt(a), 1);
    poke((u32)virt(b), 2);
    for (u32 i = 0; i < 2000; i++) {
        write_entry(leaf, (i & 1 ? a : b) | ENTRY_KERNEL);
        peek(PAD); // either: nobody was told
        if (i % 7 == 0) {
            flush_all();
            if (peek(PAD) != (i & 1 ? 1 : 2))
                wrong("a flush kept an old page");
        }
    }
}

const struct attack entry_attacks[] = {
    { "leaf-wild", leaf_wild },
    { "leaf-wild-write", leaf_wild_write },
    { "leaf-wild-unused", leaf_wild_unused },
    { "leaf-end", leaf_end },
    { "leaf-hole", leaf_hole },
    { "leaf-behind-devices", leaf_behind_devices },
    { "leaf-swap-like", leaf_swap_like },
    { "leaf-attributes", leaf_attributes },
    { "leaf-clean", leaf_clean },
    { "leaf-reserved", leaf_reserved },
    { "leaf-no-execute", leaf_no_execute },
    { "leaf-high", leaf_high },
    { "set-pte-switcher", pte_switcher },
    { "set-pte-switcher-start", pte_switcher_start },
    { "set-pte-below-switcher", pte_below_switcher },
    { "set-pte-wild-top", pte_wild_top },
    { "set-pte-no-table", pte_no_table },
    { "set-pte-liar", pte_liar },
    { "switcher-write-state", switcher_write_state },
    { "switcher-write-gate", switcher_write_gate },
    { "switcher-write-code", switcher_write_code },
    { "switcher-read", switcher_read },
    { "switcher-scribble", switcher_scribble },
    { "switcher-own-table", switcher_own_table },
    { "self-modifying-code", self_modifying },
    { "self-modifying-table", self_modifying_table },
    { 0 },
};
