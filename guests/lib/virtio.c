// Virtio 1.0 over PCI: capabilities in configuration space say where in base address 0 the registers lie.
#include "frames.h"
#include "paging.h"
#include "pci.h"
#include "virtio.h"

enum { CAP_COMMON = 1, CAP_NOTIFY = 2, CAP_ISR = 3, CAP_CONFIG = 4, CAP_WINDOW = 5 };

// The common registers.
enum {
    HOST_FEATURE_SELECT = 0, HOST_FEATURE = 4, OUR_FEATURE_SELECT = 8, OUR_FEATURE = 12, STATUS = 20, QUEUE_SELECT = 22, QUEUE_SIZE = 24,
    QUEUE_ENABLE = 28, QUEUE_NOTIFY = 30, QUEUE_DESC = 32, QUEUE_AVAIL = 40, QUEUE_USED = 48,
};

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };

static u32 capability(u32 pci, u32 type)
{
    u32 at = pci_read(pci, 0x34, 1);
    for (u32 seen = 0; at && seen < 48; seen++, at = pci_read(pci, at + 1, 1))
        if (pci_read(pci, at, 1) == 9 && pci_read(pci, at + 3, 1) == type)
            return at;
    return 0;
}

bool virtio_find(struct virtio *device, u32 id)
{
    device->pci = pci_find(id);
    if (!device->pci)
        return false;
    device->irq = pci_read(device->pci, 0x3C, 1);
    device->window = capability(device->pci, CAP_WINDOW);
    u32 config = capability(device->pci, CAP_CONFIG);
    device->config_offset = config ? pci_read(device->pci, config + 8, 4) : 0;
    return true;
}

static void aim(const struct virtio *device, u32 offset, u32 bytes)
{
    pci_write(device->pci, device->window + 4, 1, 0);
    pci_write(device->pci, device->window + 8, 4, offset);
    pci_write(device->pci, device->window + 12, 4, bytes);
}

void virtio_window_write(const struct virtio *device, u32 offset, u32 bytes, u32 value)
{
    aim(device, offset, bytes);
    pci_write(device->pci, device->window + 16, bytes, value);
}

u32 virtio_window_read(const struct virtio *device, u32 offset, u32 bytes)
{
    aim(device, offset, bytes);
    return pci_read(device->pci, device->window + 16, bytes);
}

void virtio_map(struct virtio *device, u32 io_slot)
{
    pci_write(device->pci, 4, 2, 6); // answer in memory, be a bus master
    volatile u8 *base = map_io(io_slot, pci_read(device->pci, 0x10, 4) & ~15u);
    u32 notify = capability(device->pci, CAP_NOTIFY);
    device->common = base + pci_read(device->pci, capability(device->pci, CAP_COMMON) + 8, 4);
    device->isr = base + pci_read(device->pci, capability(device->pci, CAP_ISR) + 8, 4);
    device->config = base + device->config_offset;
    device->notify = base + pci_read(device->pci, notify + 8, 4);
    device->notify_multiplier = pci_read(device->pci, notify + 16, 4);
}

static volatile u8 *reg8(struct virtio *device, u32 offset) { return device->common + offset; }
static volatile u16 *reg16(struct virtio *device, u32 offset) { return (volatile u16 *)(device->common + offset); }
static volatile u32 *reg32(struct virtio *device, u32 offset) { return (volatile u32 *)(device->common + offset); }

bool virtio_negotiate(struct virtio *device, u32 wanted)
{
    *reg8(device, STATUS) = 0;
    *reg8(device, STATUS) = ACKNOWLEDGE;
    *reg8(device, STATUS) = ACKNOWLEDGE | DRIVER;
    *reg32(device, HOST_FEATURE_SELECT) = 0;
    device->features = *reg32(device, HOST_FEATURE);
    *reg32(device, HOST_FEATURE_SELECT) = 1;
    bool modern = *reg32(device, HOST_FEATURE) & 1; // bit 32 of all: version 1
    *reg32(device, OUR_FEATURE_SELECT) = 0;
    *reg32(device, OUR_FEATURE) = device->features & wanted;
    *reg32(device, OUR_FEATURE_SELECT) = 1;
    *reg32(device, OUR_FEATURE) = 1;
    *reg8(device, STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    return modern && (*reg8(device, STATUS) & FEATURES_OK);
}

bool virtio_queue(struct virtio *device, struct queue *queue, u16 number)
{
    *reg16(device, QUEUE_SELECT) = number;
    queue->number = number;
    queue->size = *reg16(device, QUEUE_SIZE);
    if (!queue->size || queue->size > 256)
        return false;
    gpa desc = take_low(), avail = take_low(), used = take_low();
    queue->desc = virt(desc);
    queue->avail = virt(avail);
    queue->used = virt(used);
    queue->seen = 0;
    *reg32(device, QUEUE_DESC) = desc;
    *reg32(device, QUEUE_DESC + 4) = 0;
    *reg32(device, QUEUE_AVAIL) = avail;
    *reg32(device, QUEUE_AVAIL + 4) = 0;
    *reg32(device, QUEUE_USED) = used;
    *reg32(device, QUEUE_USED + 4) = 0;
    queue->notify = (volatile u16 *)(device->notify + *reg16(device, QUEUE_NOTIFY) * device->notify_multiplier);
    *reg16(device, QUEUE_ENABLE) = 1;
    return *reg16(device, QUEUE_ENABLE) == 1;
}

void virtio_go(struct virtio *device) { *reg8(device, STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK; }

void queue_give(struct queue *queue, u16 head)
{
    queue->avail->ring[queue->avail->index % queue->size] = head;
    asm volatile("" : : : "memory");
    queue->avail->index++;
}

void queue_notify(struct queue *queue) { *queue->notify = queue->number; }

bool queue_done(const struct queue *queue) { return queue->used->index != queue->seen; }

u16 queue_take(struct queue *queue, u32 *written)
{
    u32 at = queue->seen++ % queue->size;
    if (written)
        *written = queue->used->ring[at].written;
    return (u16)queue->used->ring[at].head;
}
