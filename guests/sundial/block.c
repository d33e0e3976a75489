// The disk: up to eight requests at once, each a chain of three descriptors. Who waits sleeps until the interrupt.
#include "../lib/console.h"
#include "../lib/frames.h"
#include "../lib/text.h"
#include "../lib/virtio.h"
#include "process.h"

#define REQUESTS 8u
#define FEATURE_READ_ONLY (1u << 5)
#define FEATURE_FLUSH (1u << 9)

struct request {
    u32 kind, unused;
    u64 sector;
    u8 answer;
    bool busy, done;
};

static struct virtio device;
static struct queue queue;
static struct request *requests; // low memory: the device reads them
static bool there;

bool block_start(void)
{
    if (!virtio_find(&device, VIRTIO_BLOCK))
        return false;
    virtio_map(&device, 1);
    if (!virtio_negotiate(&device, FEATURE_READ_ONLY | FEATURE_FLUSH) || !virtio_queue(&device, &queue, 0))
        panic("the disk does not start");
    requests = virt(take_low());
    virtio_go(&device);
    there = true;
    return true;
}

u32 block_sectors(void) { return there ? *(volatile u32 *)device.config : 0; }
bool block_read_only(void) { return device.features & FEATURE_READ_ONLY; }

static void collect(void)
{
    while (queue_done(&queue)) {
        requests[queue_take(&queue, NULL) / 3].done = true;
        wake(&queue);
    }
}

void block_interrupt(u32 irq)
{
    if (there && irq == device.irq && (*device.isr & 1))
        collect();
}

static void describe(u32 index, void *data, u32 length, u32 flags)
{
    queue.desc[index].address = phys(data);
    queue.desc[index].length = length;
    queue.desc[index].flags = (u16)flags;
    queue.desc[index].next = (u16)(index + 1);
}

static struct request *take_request(void)
{
    while (true) {
        irq_disable();
        for (u32 i = 0; i < REQUESTS; i++) {
            if (!requests[i].busy) {
                requests[i].busy = true;
                irq_enable();
                return &requests[i];
            }
        }
        wait_for(&queue);
    }
}

u32 block_io(u32 kind, u32 sector, void *data)
{
    struct request *request = take_request();
    u32 first = (u32)(request - requests) * 3;
    request->kind = kind;
    request->sector = sector;
    request->answer = 0xFF;
    request->done = false;
    describe(first, request, 16, DESC_NEXT);
    if (kind == BLOCK_FLUSH) {
        queue.desc[first].next = (u16)(first + 2);
    } else {
        describe(first + 1, data, 512, kind == BLOCK_READ ? DESC_NEXT | DESC_WRITE : DESC_NEXT);
    }
    describe(first + 2, &request->answer, 1, DESC_WRITE);
    irq_disable();
    queue_give(&queue, (u16)first);
    queue_notify(&queue);
    while (!*(volatile bool *)&request->done) {
        wait_for(&queue);
        irq_disable();
    }
    irq_enable();
    u32 answer = request->answer;
    request->busy = false;
    wake(&queue); // somebody may wait for a free request
    return answer;
}
