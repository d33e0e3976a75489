// The kernel's own memory: what is mapped for good, and mappings that keep changing.
#include "../lib/boot.h"
#include "../lib/frames.h"
#include "../lib/text.h"
#include "process.h"

#define FRAMES 96u

static void fill(u32 *page, u32 seed)
{
    for (u32 i = 0; i < PAGE / 4; i++)
        page[i] = seed * 2654435761u + i;
}

static bool holds(const u32 *page, u32 seed)
{
    for (u32 i = 0; i < PAGE / 4; i++)
        if (page[i] != seed * 2654435761u + i)
            return false;
    return true;
}

static gpa frames[FRAMES];

static void take_frames(void)
{
    for (u32 i = 0; i < FRAMES; i++)
        frames[i] = take_any();
}

static u32 drop_frames(u32 result)
{
    for (u32 i = 0; i < FRAMES; i++)
        drop_frame(frames[i]);
    return result;
}

static u32 direct_map(void)
{
    // Every free low frame: one word in each, all different, then all read back. And the frames are given back in another order.
    u32 count = 0;
    gpa chain = 0;
    while (frames_free() > 64) {
        gpa frame = take_any();
        u32 *page = frame < low_bytes ? virt(frame) : window_next(frame);
        page[0] = chain;
        page[1] = frame ^ 0x5A5A5A5A;
        chain = frame;
        count++;
    }
    for (; chain; count--) {
        u32 *page = chain < low_bytes ? virt(chain) : window_next(chain);
        EXPECT(page[1] == (chain ^ 0x5A5A5A5A));
        gpa next = page[0];
        drop_frame(chain);
        chain = next;
    }
    EXPECT(count == 0);
    return 0;
}

// One slot shows many pages, one after the other; each change is told.
static u32 window_one_slot(void)
{
    for (u32 i = 0; i < FRAMES; i++)
        fill(window(40, frames[i]), i);
    for (u32 i = 0; i < FRAMES; i++)
        EXPECT(holds(window(40 + i % 3, frames[i]), i));
    return 0;
}

static u32 check_window(void)
{
    take_frames();
    return drop_frames(window_one_slot());
}

// All slots change, by the ring: the host learns of them with the flush at the end.
static u32 window_by_ring(void)
{
    for (u32 i = 0; i < FRAMES; i++)
        *(u32 *)window(i % 8, frames[i]) = i;
    for (u32 round = 0; round < 8; round++) {
        for (u32 i = 32; i < WINDOW_SLOTS; i++)
            set_leaf(current_top, WINDOW_BASE + i * PAGE, frames[(i + round * 5) % FRAMES] | ENTRY_KERNEL, TELL_LATER);
        hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
        for (u32 i = 32; i < WINDOW_SLOTS; i++) {
            u32 *page = (u32 *)(WINDOW_BASE + i * PAGE);
            EXPECT(*page == (i + round * 5) % FRAMES);
            *page = 0x10000;
        }
        for (u32 i = 0; i < FRAMES; i++)
            *(u32 *)window(i % 8, frames[i]) = i;
    }
    return 0;
}

static u32 check_window_ring(void)
{
    take_frames();
    return drop_frames(window_by_ring());
}

// All slots change and nobody is told; then everything is flushed at once.
static u32 window_by_flush(void)
{
    for (u32 round = 0; round < 8; round++) {
        for (u32 i = 0; i < WINDOW_SLOTS; i++)
            set_leaf(current_top, WINDOW_BASE + i * PAGE, frames[(i + round * 11) % FRAMES] | ENTRY_KERNEL, TELL_NOT);
        flush_all();
        for (u32 i = 0; i < WINDOW_SLOTS; i++)
            fill((u32 *)(WINDOW_BASE + i * PAGE), (i + round * 11) % FRAMES);
        for (u32 i = 0; i < WINDOW_SLOTS; i++)
            EXPECT(holds((u32 *)(WINDOW_BASE + i * PAGE), (i + round * 11) % FRAMES));
    }
    return 0;
}

static u32 check_window_flush(void)
{
    take_frames();
    return drop_frames(window_by_flush());
}

// A whole table comes, goes, and comes again with other pages: SetPgd, or SetPmd with PAE.
static u32 area_rounds(void)
{
    for (u32 round = 0; round < 6; round++) {
        gpa table = take_low();
        link_table(master, AREA_BASE, table);
        for (u32 i = 0; i < 32; i++)
            set_leaf(master, AREA_BASE + i * PAGE, frames[(i * 3 + round) % FRAMES] | ENTRY_KERNEL, TELL_LATER);
        hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
        for (u32 i = 0; i < 32; i++)
            fill((u32 *)(AREA_BASE + i * PAGE), i + round);
        for (u32 i = 0; i < 32; i++)
            EXPECT(holds((u32 *)window(33, frames[(i * 3 + round) % FRAMES]), i + round));
        link_table(master, AREA_BASE, 0);
        hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
        u32 value;
        trial.vector = ~0u;
        asm volatile("movl $1f, %0\n\tmovl %2, %1\n1:" : "=m"(trial.resume), "=&r"(value) : "m"(*(u32 *)AREA_BASE) : "memory");
        EXPECT(trial.vector == 14 && trial.address == AREA_BASE && trial.code == 0);
        drop_frame(table);
    }
    return 0;
}

static u32 check_area(void)
{
    take_frames();
    return drop_frames(area_rounds());
}

// A and D: the host writes them for the processor.
static u32 check_age(void)
{
    gpa frame = take_low();
    u32 address = WINDOW_BASE + 50 * PAGE;
    volatile u32 *page = (u32 *)address;
    volatile entry *leaf = find_leaf(master, address);
    set_leaf(current_top, address, frame | ENTRY_P | ENTRY_W, TELL_NOW);
    EXPECT(!(*leaf & (ENTRY_A | ENTRY_D)));
    EXPECT(*page == 0);
    EXPECT((*leaf & (ENTRY_A | ENTRY_D)) == ENTRY_A);
    *page = 7;
    EXPECT((*leaf & (ENTRY_A | ENTRY_D)) == (ENTRY_A | ENTRY_D));
    set_leaf(current_top, address, frame | ENTRY_P | ENTRY_W | ENTRY_A, TELL_NOW); // clean again
    EXPECT(*page == 7 && !(*leaf & ENTRY_D));
    *page = 8;
    EXPECT(*leaf & ENTRY_D);
    set_leaf(current_top, address, frame | ENTRY_P | ENTRY_W | ENTRY_D, TELL_NOW); // not used lately
    EXPECT(*page == 8 && (*leaf & ENTRY_A));
    set_leaf(current_top, address, frame | ENTRY_A | ENTRY_D, TELL_NOW); // like a page that was swapped out
    set_leaf(current_top, address, 0, TELL_NOW);
    drop_frame(frame);
    return 0;
}

const struct named_check memory_checks[] = {
    { "direct-map", direct_map },
    { "window", check_window },
    { "window-ring", check_window_ring },
    { "window-flush", check_window_flush },
    { "kernel-table", check_area },
    { "accessed-dirty", check_age },
    { 0 },
};
