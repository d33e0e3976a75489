// Virtio rings that lie. Each attack breaks the console's output queue; the console must start again afterwards.
#include "hostile.h"

static struct virtio device;
static struct queue queue;

static void start(u32 features)
{
    if (!virtio_find(&device, VIRTIO_CONSOLE))
        wrong("no console");
    virtio_map(&device, 0);
    if (!virtio_negotiate(&device, features) || !virtio_queue(&device, &queue, 1))
        wrong("no queue");
    virtio_go(&device);
}

#define INDIRECT (1u << 28)

static void describe(u32 i, u64 address, u32 length, u32 flags, u32 next)
{
    queue.desc[i].address = address;
    queue.desc[i].length = length;
    queue.desc[i].flags = (u16)flags;
    queue.desc[i].next = (u16)next;
}

static void finish(void)
{
    for (u32 i = 0; i < 3; i++)
        queue_notify(&queue);
    hypercall(CALL_SEND_INTERRUPTS, 0, 0, 0, 0);
    if (!console_queue())
        wrong("the console does not start again");
    print("hostile: the console works\n");
    console_drain();
}

static void one(u64 address, u32 length, u32 flags, u32 next)
{
    start(INDIRECT);
    describe(0, address, length, flags, next);
    queue_give(&queue, 0);
    finish();
}

static void loop(void) { one(0x100000, 1, DESC_NEXT, 0); }

static void loop_of_two(void)
{
    start(0);
    describe(0, 0x100000, 0, DESC_NEXT, 1);
    describe(1, 0x100000, 0, DESC_NEXT, 0);
    queue_give(&queue, 0);
    finish();
}

static void wild_buffer(void) { one(0xFFFFFFFFFFFFF000ull, 64, 0, 0); }
static void wrapping_buffer(void) { one(0xFFFFFFFFFFFFFFF8ull, 16, 0, 0); }
static void end_buffer(void) { one(memory_bytes - 8, 16, 0, 0); }
static void high_buffer(void) { one(0x100000000ull + 0x100000, 16, 0, 0); }
static void huge_buffer(void) { one(0, 0xFFFFFFFF, 0, 0); }
static void device_buffer(void) { one(memory_bytes + (1u << 20), 64, 0, 0); }
static void empty_buffer(void) { one(0, 0, 0, 0); }
static void writable_output(void) { one(0x100000, 64, DESC_WRITE, 0); }
static void next_outside(void) { one(0x100000, 1, DESC_NEXT, 0xFFFF); }
static void indirect_wild(void) { one(0xFFFFFFFFFFFFF000ull, 32, DESC_INDIRECT, 0); }
static void indirect_huge(void) { one(0x100000, 0xFFFFFFF0, DESC_INDIRECT, 0); }
static void indirect_odd(void) { one(0x100000, 17, DESC_INDIRECT, 0); }
static void indirect_empty(void) { one(0x100000, 0, DESC_INDIRECT, 0); }

static void indirect_in_itself(void)
{
    start(INDIRECT);
    gpa table = phys((void *)queue.desc);
    for (u32 i = 0; i < 256; i++)
        describe(i, table, 4096, DESC_INDIRECT | (i & 1 ? DESC_NEXT : 0), i);
    queue_give(&queue, 0);
    finish();
}

static void not_negotiated(void)
{
    start(0);
    describe(0, take_low(), 16, DESC_INDIRECT, 0);
    queue_give(&queue, 0);
    finish();
}

static void long_chain(void) // all 256 descriptors
{
    start(0);
    for (u32 i = 0; i < 256; i++)
        describe(i, 0x100000, PAGE, i < 255 ? DESC_NEXT : 0, i + 1);
    queue_give(&queue, 0);
    finish();
}

static void head_outside(void)
{
    start(0);
    queue.avail->ring[0] = 0xFFFF;
    queue.avail->index = 1;
    finish();
}

static void index_far(void)
{
    start(0);
    queue.avail->index = 0x8000;
    finish();
}

static void index_back(void)
{
    start(0);
    describe(0, 0x100000, 1, 0, 0);
    queue_give(&queue, 0);
    queue_notify(&queue);
    queue.avail->index = 0;
    finish();
}

static void full_ring(void) // the same buffer everywhere
{
    start(0);
    describe(0, phys(&trial), 1, 0, 0);
    for (u32 round = 0; round < 20; round++) {
        for (u32 i = 0; i < 256; i++)
            queue_give(&queue, 0);
        queue_notify(&queue);
    }
    finish();
}

static void place(u64 desc, u64 avail, u64 used)
{
    if (!virtio_find(&device, VIRTIO_CONSOLE))
        wrong("no console");
    virtio_map(&device, 0);
    if (!virtio_negotiate(&device, 0))
        wrong("no features");
    virtio_queue(&device, &queue, 1);
    volatile u32 *common = (volatile u32 *)device.common;
    *(volatile u16 *)(device.common + 28) = 0;
    const u64 addresses[3] = { desc, avail, used };
    for (u32 i = 0; i < 3; i++) {
        common[8 + 2 * i] = (u32)addresses[i];
        common[9 + 2 * i] = (u32)(addresses[i] >> 32);
    }
    *(volatile u16 *)(device.common + 28) = 1;
    virtio_go(&device);
    finish();
}

static void rings_wild(void) { place(0xFFFFFFFFFFFFF000ull, 0xFFFFFFFFFFFFF000ull, 0xFFFFFFFFFFFFF000ull); }
static void rings_end(void) { place(memory_bytes - 16, memory_bytes - 4, memory_bytes - 4); }
static void rings_odd(void) { place(0x200001, 0x200001, 0x200001); }
static void rings_in_device(void) { u64 at = memory_bytes + (1u << 20); place(at, at, at); }
static void rings_same(void) { gpa page = take_low(); place(page, page, page); }

// What the device writes into the used ring lands in a table of ours.
static void used_is_table(void)
{
    start(0);
    gpa table = take_low();
    link_table(current_top, 0x20000000, table);
    *(volatile u16 *)(device.common + 28) = 0;
    ((volatile u32 *)device.common)[12] = table;
    *(volatile u16 *)(device.common + 28) = 1;
    describe(0, phys(&trial), 1, 0, 0);
    for (u32 i = 0; i < 8; i++) {
        queue_give(&queue, 0);
        queue_notify(&queue);
        TRY("movl (%1), %%eax", "r"(0x20000000 + i * 0));
    }
    link_table(current_top, 0x20000000, 0);
    finish();
}

// The device reads what we are changing: our own tables as a text.
static void output_of_tables(void)
{
    start(0);
    describe(0, phys(current_top) & ~(PAGE - 1), PAGE, 0, 0);
    queue_give(&queue, 0);
    finish();
}

const struct attack ring_attacks[] = {
    { "ring-loop", loop },
    { "ring-loop-of-two", loop_of_two },
    { "ring-wild-buffer", wild_buffer },
    { "ring-wrapping-buffer", wrapping_buffer },
    { "ring-end-buffer", end_buffer },
    { "ring-high-buffer", high_buffer },
    { "ring-huge-buffer", huge_buffer },
    { "ring-device-buffer", device_buffer },
    { "ring-empty-buffer", empty_buffer },
    { "ring-writable-output", writable_output },
    { "ring-next-outside", next_outside },
    { "ring-indirect-wild", indirect_wild },
    { "ring-indirect-huge", indirect_huge },
    { "ring-indirect-odd", indirect_odd },
    { "ring-indirect-empty", indirect_empty },
    { "ring-indirect-in-itself", indirect_in_itself },
    { "ring-indirect-unasked", not_negotiated },
    { "ring-long-chain", long_chain },
    { "ring-head-outside", head_outside },
    { "ring-index-far", index_far },
    { "ring-index-back", index_back },
    { "ring-full", full_ring },
    { "ring-place-wild", rings_wild },
    { "ring-place-end", rings_end },
    { "ring-place-odd", rings_odd },
    { "ring-place-device", rings_in_device },
    { "ring-place-same", rings_same },
    { "ring-used-is-table", used_is_table },
    { "ring-output-of-tables", output_of_tables },
    { 0 },
};
