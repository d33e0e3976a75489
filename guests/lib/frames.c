// All frames behind the kernel's image, in two lists: low ones are mapped for good, high ones only where someone maps them.
#include "boot.h"
#include "console.h"
#include "frames.h"
#include "paging.h"
#include "text.h"

#define FRAMES_MAX 32768u // 128 MiB: more memory is left alone

extern char image_end[];

static u32 users[FRAMES_MAX];
static u16 next[FRAMES_MAX]; // the list of free frames; 0 ends it
static u16 low_list, high_list;
static u32 free_count;

void frames_init(void)
{
    u32 end = memory_bytes / PAGE;
    if (end > FRAMES_MAX)
        end = FRAMES_MAX;
    for (u32 frame = 0; frame < phys(image_end) / PAGE; frame++)
        users[frame] = 1; // the image itself: never free
    for (u32 frame = end - 1; frame >= phys(image_end) / PAGE; frame--) {
        u16 *list = frame < low_bytes / PAGE ? &low_list : &high_list;
        next[frame] = *list;
        *list = (u16)frame;
        free_count++;
    }
}

static u32 take(u16 *list)
{
    u32 frame = *list;
    if (frame) {
        *list = next[frame];
        users[frame] = 1;
        free_count--;
    }
    return frame;
}

gpa take_low(void)
{
    u32 frame = take(&low_list);
    if (!frame)
        panic("no memory for tables");
    memset(virt(frame * PAGE), 0, PAGE);
    return frame * PAGE;
}

gpa take_any(void)
{
    u32 frame = take(&high_list);
    if (!frame)
        frame = take(&low_list);
    if (!frame)
        panic("no memory");
    return frame * PAGE;
}

void share_frame(gpa frame)
{
    users[frame / PAGE]++;
}

void drop_frame(gpa frame)
{
    u32 number = frame / PAGE;
    if (!users[number])
        panic("frame %x given back twice", number);
    if (--users[number])
        return;
    u16 *list = frame < low_bytes ? &low_list : &high_list;
    next[number] = *list;
    *list = (u16)number;
    free_count++;
}

u32 frame_users(gpa frame) { return users[frame / PAGE]; }
u32 frames_free(void) { return free_count; }
