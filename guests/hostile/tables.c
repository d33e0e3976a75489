// Page tables that name what is not there, or name themselves.
#include "hostile.h"

// An empty leaf table, linked somewhere in the user's half.
#define PLACE 0x20000000u

static void load_wild(void) { hypercall(CALL_NEW_PAGE_TABLE, WILD, 0, 0, 0); }
static void load_end(void) { hypercall(CALL_NEW_PAGE_TABLE, memory_bytes, 0, 0, 0); }

// The next instruction is in no table any more.
static void load_empty(void) { hypercall(CALL_NEW_PAGE_TABLE, take_low(), 0, 0, 0); }

static void link_raw(u32 address, u64 value)
{
#ifdef PAE
    if (!(current_top[TOP_INDEX(address)] & ENTRY_P))
        set_top(current_top, TOP_INDEX(address), take_low() | TOP_FLAGS);
    gpa middle = ENTRY_ADDRESS(current_top[TOP_INDEX(address)]);
    write_entry((entry *)virt(middle) + MIDDLE_INDEX(address), value);
    hypercall(CALL_SET_PMD, middle, MIDDLE_INDEX(address), 0, 0);
#else
    set_top(current_top, TOP_INDEX(address), (entry)value);
#endif
    hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
}

static void table_wild(void)
{
    link_raw(PLACE, WILD | ENTRY_TABLE);
    peek(PLACE);
}

static void table_end(void)
{
    link_raw(PLACE, memory_bytes | ENTRY_TABLE);
    peek(PLACE);
}

static void table_high(void)
{
#ifdef PAE
    link_raw(PLACE, 0xFFFFFF000ull | ENTRY_TABLE);
#else
    link_raw(PLACE, WILD | ENTRY_TABLE);
#endif
    poke(PLACE, 1);
}

static void table_attributes(void)
{
    gpa table = take_low();
    link_raw(PLACE, table | ENTRY_TABLE | 0x018 | 0xE00); // cache bits, and those that are free for software
    set_leaf(current_top, PLACE, take_low() | ENTRY_KERNEL, TELL_NOW);
    poke(PLACE, 5);
    if (peek(PLACE) != 5)
        wrong("a page with attributes above it");
}

static void large_page(void)
{
    gpa frame = take_low();
    poke((u32)virt(frame), 0x1234);
    u32 span = ENTRIES * PAGE;
    link_raw(PLACE, (frame & ~(span - 1)) | ENTRY_TABLE | ENTRY_D | ENTRY_PS);
    if (peek(PLACE + (frame & (span - 1))) != 0x1234)
        wrong("a large page shows something else");
}

static void large_page_wild(void)
{
    link_raw(PLACE, 0xFFC00000u | ENTRY_TABLE | ENTRY_D | ENTRY_PS);
    poke(PLACE, 1);
}

static void large_page_over_end(void)
{
    u32 span = ENTRIES * PAGE;
    gpa start = memory_bytes & ~(span - 1); // the first span that is not wholly in memory
    link_raw(PLACE, start | ENTRY_TABLE | ENTRY_D | ENTRY_PS);
    peek(PLACE + (memory_bytes & (span - 1)));
}

// The directory is its own leaf table: our tables become readable and writable there.
static u32 self_map(u32 address)
{
#ifdef PAE
    // The middle table that holds the entry.
    link_raw(address, 0);
    gpa table = ENTRY_ADDRESS(current_top[TOP_INDEX(address)]);
    link_raw(address, table | ENTRY_TABLE);
    return address + MIDDLE_INDEX(address) * PAGE; // the middle table itself
#else
    link_raw(address, phys(current_top) | ENTRY_TABLE);
    return address + TOP_INDEX(address) * PAGE;
#endif
}

static void self_mapped(void)
{
    u32 seen = self_map(PLACE);
    if (((entry *)seen)[0] != *(entry *)virt(ENTRY_ADDRESS(*find_leaf(current_top, seen))))
        wrong("a self-mapped table shows something else");
    for (u32 i = 0; i < 64; i++) // changed through itself; nobody is told
        ((volatile entry *)seen)[i + 200] = 0x123000 | ENTRY_KERNEL | ENTRY_U;
    flush_all();
}

static void self_mapped_deep(void)
{
    u32 seen = self_map(PLACE);
    for (u32 i = 0; i < 32; i++) {
        ((volatile entry *)seen)[300 + i] = ((volatile entry *)seen)[MIDDLE_INDEX(PLACE) % ENTRIES];
        flush_all();
        TRY("movl (%1), %%eax", "r"(PLACE + i * PAGE));
        TRY("movl $0, (%1)", "r"(seen + PAGE - 8));
    }
}

// At the index where the host's own pages are.
static void self_mapped_switcher(void)
{
#ifdef PAE
    gpa middle = ENTRY_ADDRESS(master[KERNEL_TOP]);
    for (u32 i = ENTRIES - 2; i < ENTRIES; i++) {
        write_entry((entry *)virt(middle) + i, middle | ENTRY_TABLE);
        hypercall(CALL_SET_PMD, middle, i, 0, 0);
    }
#else
    set_top(master, ENTRIES - 1, phys(master) | ENTRY_TABLE);
#endif
    flush_all();
    for (u32 address = 0u - host_page.reserve_mem; address; address += PAGE)
        TRY("movl (%1), %%eax", "r"(address));
    hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
}

static void set_pgd_end(void) { hypercall(CALL_SET_PGD, phys(current_top), TOP_ENTRIES, 0, 0); }
static void set_pgd_wild_index(void) { hypercall(CALL_SET_PGD, phys(current_top), 0xFFFFFFFF, 0, 0); }
static void set_pgd_wild_table(void) { hypercall(CALL_SET_PGD, WILD, 0, 0, 0); }

static void set_pgd_switcher(void)
{
    for (u32 i = 0; i < 100; i++)
        hypercall(CALL_SET_PGD, phys(current_top), TOP_ENTRIES - 1, 0, 0);
}

static void set_pgd_other_switcher(void)
{
    entry *other = new_top(), *first = current_top;
    load_top(other);
    load_top(first);
    hypercall(CALL_SET_PGD, phys(other), TOP_ENTRIES - 1, 0, 0);
    load_top(other);
    hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
}

static void set_pgd_unknown(void) // an address space that never ran
{
    gpa never = take_low();
    for (u32 i = 0; i < TOP_ENTRIES; i++)
        hypercall(CALL_SET_PGD, never, i, 0, 0);
}

#ifdef PAE
#define MIDDLE_TABLE ENTRY_ADDRESS(master[KERNEL_TOP])
static void set_pmd_end(void) { hypercall(CALL_SET_PMD, MIDDLE_TABLE, ENTRIES, 0, 0); }
static void set_pmd_wild(void) { hypercall(CALL_SET_PMD, WILD, 0, 0, 0); }
static void set_pmd_switcher(void)
{
    for (u32 i = 0; i < ENTRIES; i++)
        hypercall(CALL_SET_PMD, MIDDLE_TABLE, i, 0, 0);
}
#else // the same at the level that is there
static void set_pmd_end(void) { set_pgd_end(); }
static void set_pmd_wild(void) { set_pgd_wild_table(); }
static void set_pmd_switcher(void)
{
    for (u32 i = 0; i < TOP_ENTRIES; i++)
        hypercall(CALL_SET_PGD, phys(current_top), i, 0, 0);
}
#endif

// One leaf table at every place of the user's half.
static void alias_flood(void)
{
    gpa table = take_low();
    ((entry *)virt(table))[0] = take_low() | ENTRY_KERNEL;
    for (u32 address = 0; address < KERNEL_BASE; address += ENTRIES * PAGE) {
        link_raw(address, table | ENTRY_TABLE);
        poke(address, address);
    }
    for (u32 i = 0; i < 200; i++) {
        hypercall(CALL_SET_PTE, phys(current_top), i * ENTRIES * PAGE, 0, 0);
        if (i % 20 == 0)
            flush_all();
    }
}

// Each in an address space of its own: more than any host wants to remember.
static void space_flood(void)
{
    for (u32 i = 0; i < 100; i++) {
        entry *top = new_top();
        load_top(top);
        make_leaf(top, 0x400000);
        set_leaf(top, 0x400000, phys(&interrupts) | ENTRY_KERNEL, TELL_NOW);
        peek(0x400000);
    }
}

static void shadow_flood(void)
{
    for (u32 address = 0x1000000; address < KERNEL_BASE && frames_free() > 100; address += ENTRIES * PAGE) {
        make_leaf(current_top, address);
        set_leaf(current_top, address, 0x100000 | ENTRY_KERNEL, TELL_LATER);
        peek(address);
    }
}

static void flush_flood(void)
{
    for (u32 i = 0; i < 20000; i++)
        hypercall(CALL_FLUSH_TLB, i & 1, 0, 0, 0);
}

const struct attack table_attacks[] = {
    { "load-wild", load_wild },
    { "load-end", load_end },
    { "load-empty", load_empty },
    { "table-wild", table_wild },
    { "table-end", table_end },
    { "table-high", table_high },
    { "table-attributes", table_attributes },
    { "large-page", large_page },
    { "large-page-wild", large_page_wild },
    { "large-page-over-end", large_page_over_end },
    { "self-mapped", self_mapped },
    { "self-mapped-deep", self_mapped_deep },
    { "self-mapped-switcher", self_mapped_switcher },
    { "set-pgd-end", set_pgd_end },
    { "set-pgd-wild-index", set_pgd_wild_index },
    { "set-pgd-wild-table", set_pgd_wild_table },
    { "set-pgd-switcher", set_pgd_switcher },
    { "set-pgd-other-switcher", set_pgd_other_switcher },
    { "set-pgd-unknown", set_pgd_unknown },
    { "set-pmd-end", set_pmd_end },
    { "set-pmd-wild", set_pmd_wild },
    { "set-pmd-switcher", set_pmd_switcher },
    { "alias-flood", alias_flood },
    { "space-flood", space_flood },
    { "shadow-flood", shadow_flood },
    { "flush-flood", flush_flood },
    { 0 },
};
