// Our page tables. Each change is written into them first; then the host is told, because its shadows are made from them.
#include "boot.h"
#include "console.h"
#include "frames.h"
#include "host.h"
#include "paging.h"
#include "text.h"

entry low_leaves[LOW_MAX / PAGE] ALIGNED(PAGE);
entry master_top[TOP_ENTRIES] ALIGNED(PAGE);
#ifdef PAE
entry kernel_middle[ENTRIES] ALIGNED(PAGE);
#endif
static entry window_leaves[ENTRIES] ALIGNED(PAGE);
static entry io_leaves[ENTRIES] ALIGNED(PAGE);

entry *master = master_top;
entry *current_top = master_top;

// Every top table that exists: a change of the kernel's half at the top goes into all of them.
#define TOPS_MAX 128u
static entry *tops[TOPS_MAX] = { master_top };

// An entry of 8 bytes takes two stores: the half with the present bit comes last when it appears and first when it goes.
void write_entry(volatile entry *at, entry value)
{
#ifdef PAE
    volatile u32 *half = (volatile u32 *)at;
    half[0] = 0;
    asm volatile("" : : : "memory");
    half[1] = (u32)(value >> 32);
    asm volatile("" : : : "memory");
    half[0] = (u32)value;
#else
    *at = value;
#endif
}

static bool is_kernel(u32 address) { return address >= KERNEL_BASE; }

entry *find_leaf(entry *top, u32 address)
{
    entry e = top[TOP_INDEX(address)];
    if (!(e & ENTRY_P))
        return NULL;
#ifdef PAE
    e = ((entry *)virt(ENTRY_ADDRESS(e)))[MIDDLE_INDEX(address)];
    if (!(e & ENTRY_P))
        return NULL;
#endif
    return (entry *)virt(ENTRY_ADDRESS(e)) + LEAF_INDEX(address);
}

void set_top(entry *top, u32 index, entry value)
{
    write_entry(&top[index], value);
    if (index >= KERNEL_TOP)
        for (u32 i = 0; i < TOPS_MAX; i++)
            if (tops[i])
                write_entry(&tops[i][index], value);
    hypercall_later(CALL_SET_PGD, phys(top), index, 0, 0);
}

void link_table(entry *top, u32 address, gpa table)
{
    entry value = table ? table | (is_kernel(address) ? ENTRY_TABLE & ~ENTRY_U : ENTRY_TABLE) : 0;
#ifdef PAE
    if (!(top[TOP_INDEX(address)] & ENTRY_P))
        set_top(top, TOP_INDEX(address), take_low() | TOP_FLAGS);
    gpa middle = ENTRY_ADDRESS(top[TOP_INDEX(address)]);
    write_entry((entry *)virt(middle) + MIDDLE_INDEX(address), value);
    hypercall_later(CALL_SET_PMD, middle, MIDDLE_INDEX(address), 0, 0);
#else
    set_top(top, TOP_INDEX(address), value);
#endif
}

entry *make_leaf(entry *top, u32 address)
{
    entry *leaf = find_leaf(top, address);
    if (!leaf) {
        link_table(top, address, take_low());
        leaf = find_leaf(top, address);
    }
    return leaf;
}

void set_leaf(entry *top, u32 address, entry value, enum tell tell)
{
    write_entry(find_leaf(top, address), value);
    if (tell == TELL_NOW)
        hypercall(CALL_SET_PTE, phys(top), address, (u32)value, (u32)((u64)value >> 32));
    else if (tell == TELL_LATER)
        hypercall_later(CALL_SET_PTE, phys(top), address, (u32)value, (u32)((u64)value >> 32));
}

void load_top(entry *top)
{
    current_top = top;
    hypercall(CALL_NEW_PAGE_TABLE, phys(top), 0, 0, 0);
}

void flush_user(void) { hypercall(CALL_FLUSH_TLB, 0, 0, 0, 0); }
void flush_all(void) { hypercall(CALL_FLUSH_TLB, 1, 0, 0, 0); }

#ifdef PAE
// A top table has 32 bytes: many share a page.
static entry top_pool[TOPS_MAX][TOP_ENTRIES] ALIGNED(PAGE);
#endif

entry *new_top(void)
{
    u32 i = 0;
    while (i < TOPS_MAX && tops[i])
        i++;
    if (i == TOPS_MAX)
        panic("no room for another address space");
#ifdef PAE
    entry *top = top_pool[i];
#else
    entry *top = virt(take_low());
#endif
    memcpy(top + KERNEL_TOP, master_top + KERNEL_TOP, (TOP_ENTRIES - KERNEL_TOP) * sizeof(entry));
    tops[i] = top;
    return top;
}

static void free_leaves(gpa table)
{
    entry *leaves = virt(table);
    for (u32 i = 0; i < ENTRIES; i++)
        if (leaves[i] & ENTRY_P)
            drop_frame(ENTRY_ADDRESS(leaves[i]));
    drop_frame(table);
}

void free_top(entry *top)
{
    for (u32 i = 0; i < KERNEL_TOP; i++) {
        gpa table = ENTRY_ADDRESS(top[i]);
        if (!(top[i] & ENTRY_P))
            continue;
        // Told even though this address space is gone: the host may still know a table of this address, and we shall use it again.
        set_top(top, i, 0);
#ifdef PAE
        entry *middle = virt(table);
        for (u32 j = 0; j < ENTRIES; j++)
            if (middle[j] & ENTRY_P)
                free_leaves(ENTRY_ADDRESS(middle[j]));
        drop_frame(table);
#else
        free_leaves(table);
#endif
    }
    for (u32 i = 0; i < TOPS_MAX; i++)
        if (tops[i] == top)
            tops[i] = NULL;
#ifndef PAE
    drop_frame(phys(top));
#endif
}

void *window(u32 slot, gpa page)
{
    u32 address = WINDOW_BASE + slot * PAGE;
    entry *leaf = find_leaf(master, address);
    if (!leaf) {
        link_table(master, WINDOW_BASE, phys(window_leaves));
        leaf = find_leaf(master, address);
    }
    entry value = page | ENTRY_KERNEL;
    if (*leaf != value)
        set_leaf(current_top, address, value, TELL_NOW);
    return (void *)address;
}

void *window_next(gpa page)
{
    static u32 slot; // slots 0 … 31 go round; the others belong to the checks
    slot = (slot + 1) % (WINDOW_SLOTS / 2);
    return window(slot, page);
}

void *map_io(u32 slot, gpa page)
{
    u32 address = IO_BASE + slot * PAGE;
    if (!find_leaf(master, address))
        link_table(master, IO_BASE, phys(io_leaves));
    set_leaf(current_top, address, page | ENTRY_KERNEL, TELL_NOW);
    return (void *)address;
}
