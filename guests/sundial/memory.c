// The users' memory: pages that appear when touched, and pages shared until one side writes.
#include "../lib/console.h"
#include "../lib/frames.h"
#include "../lib/text.h"
#include "abi.h"
#include "process.h"

// The programs are flat files inside our image, each at a page's start.
extern u8 init_program[], init_program_end[], child_program[], child_program_end[];

static gpa zero_frame;
static gpa shared_frame;

void programs_init(void)
{
    zero_frame = take_low();
    shared_frame = take_low();
}

static bool inside(u32 address, u32 start, u32 end) { return address >= start && address < end; }

// The frame of a page that a process may have without asking; one use of it is counted. 0: it may not.
static gpa frame_for(u32 address, bool write)
{
    if (inside(address, USER_IMAGE, USER_IMAGE_END)) {
        u8 *start = current->program == PROGRAM_INIT ? init_program : child_program;
        u8 *end = current->program == PROGRAM_INIT ? init_program_end : child_program_end;
        u8 *page = start + ((address - USER_IMAGE) & ~(PAGE - 1));
        if (page < end) {
            share_frame(phys(page));
            return phys(page);
        }
    } else if (address / PAGE == USER_SHARED / PAGE) {
        share_frame(shared_frame);
        return shared_frame;
    } else if (!inside(address, USER_HEAP, USER_HEAP_END) && !inside(address, USER_STACK, USER_STACK_END)
               && !inside(address, USER_FAR, USER_FAR_END)) {
        return 0;
    }
    if (!write) {
        share_frame(zero_frame);
        return zero_frame;
    }
    gpa frame = take_any();
    memset(window_next(frame), 0, PAGE);
    return frame;
}

#define USER_READ (ENTRY_P | ENTRY_U | ENTRY_A)
#define USER_WRITE (USER_READ | ENTRY_W | ENTRY_D)

static bool is_lent(gpa frame)
{
    return frame_users(frame) > 1; // the image's and the zero page count their owner, so they are always lent
}

static void own_page(entry *leaf, u32 address)
{
    gpa old = ENTRY_ADDRESS(*leaf);
    gpa frame = old;
    if (is_lent(old)) {
        frame = take_any();
        const void *from = window_next(old);
        memcpy(window_next(frame), from, PAGE);
        drop_frame(old);
    }
    set_leaf(current->top, address, frame | USER_WRITE, TELL_NOW);
}

bool user_fault(u32 address, u32 code)
{
    bool write = code & 2;
    entry *leaf = find_leaf(current->top, address);
    if (leaf && (*leaf & ENTRY_P)) {
        if (!write || (*leaf & (ENTRY_W | ENTRY_KEEP)))
            return false;
        own_page(leaf, address);
        return true;
    }
    if (code & 1)
        return false;
    gpa frame = frame_for(address, write);
    if (!frame)
        return false;
    leaf = make_leaf(current->top, address);
    if (frame == shared_frame) {
        set_leaf(current->top, address, frame | USER_WRITE, TELL_NOW);
        return true;
    }
    // What is lent comes read-only, with A but not D; a write then makes a copy at once.
    set_leaf(current->top, address, frame | (is_lent(frame) ? USER_READ : USER_WRITE), write && is_lent(frame) ? TELL_NOT : TELL_NOW);
    if (write && is_lent(frame))
        own_page(leaf, address);
    return true;
}

bool map_user(u32 address)
{
    entry *leaf = make_leaf(current->top, address);
    if (*leaf & ENTRY_P)
        return false;
    gpa frame = take_any();
    memset(window_next(frame), 0, PAGE);
    set_leaf(current->top, address, frame | USER_WRITE, TELL_NOW);
    return true;
}

void unmap_user(u32 address)
{
    entry *leaf = find_leaf(current->top, address);
    if (leaf && (*leaf & ENTRY_P)) {
        gpa frame = ENTRY_ADDRESS(*leaf);
        set_leaf(current->top, address, 0, TELL_NOW);
        drop_frame(frame);
    }
}

static void copy_table(entry *from, entry *to, u32 first)
{
    entry *leaves = find_leaf(from, first);
    for (u32 i = 0; i < ENTRIES; i++) {
        entry e = leaves[i];
        u32 address = first + i * PAGE;
        if (!(e & ENTRY_P))
            continue;
        if ((e & ENTRY_W) && ENTRY_ADDRESS(e) != shared_frame) {
            e &= ~(entry)(ENTRY_W | ENTRY_D);
            set_leaf(from, address, e, TELL_LATER); // by the ring, many at a time
        }
        share_frame(ENTRY_ADDRESS(e));
        make_leaf(to, address);
        set_leaf(to, address, e, TELL_LATER);
    }
}

// Fork: both sides get the same frames, read-only. Whoever writes first makes a copy.
void copy_space(entry *from, entry *to)
{
    for (u32 address = 0; address < KERNEL_BASE; address += ENTRIES * PAGE) {
        if (!(from[TOP_INDEX(address)] & ENTRY_P))
            address |= (1u << TOP_SHIFT) - ENTRIES * PAGE; // on to the next top entry
        else if (find_leaf(from, address))
            copy_table(from, to, address);
    }
    flush_user();
}
