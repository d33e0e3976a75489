// A virtio 1.0 device over PCI, and one of its queues.
#pragma once
#include "types.h"

#define VIRTIO_CONSOLE 0x10431AF4u
#define VIRTIO_BLOCK 0x10421AF4u

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

struct desc {
    u64 address;
    u32 length;
    u16 flags, next;
};

struct avail {
    u16 flags, index, ring[256];
};

struct used {
    u16 flags, index;
    struct {
        u32 head, written;
    } ring[256];
};

struct queue {
    u16 number;
    u16 size;
    u16 seen; // how far we have read the used ring
    volatile u16 *notify;
    volatile struct desc *desc;
    volatile struct avail *avail;
    volatile struct used *used;
};

struct virtio {
    u32 pci;
    u32 irq;
    volatile u8 *common, *isr, *config, *notify;
    u32 notify_multiplier;
    u32 window;      // its capability in configuration space, 0: none
    u32 config_offset;
    u32 features;    // the low 32 that the host offers
};

bool virtio_find(struct virtio *device, u32 id);
// A register through the window in configuration space: needs no mapping.
void virtio_window_write(const struct virtio *device, u32 offset, u32 bytes, u32 value);
u32 virtio_window_read(const struct virtio *device, u32 offset, u32 bytes);
void virtio_map(struct virtio *device, u32 io_slot);
bool virtio_negotiate(struct virtio *device, u32 low_features); // up to FEATURES_OK
bool virtio_queue(struct virtio *device, struct queue *queue, u16 number);
void virtio_go(struct virtio *device);                          // DRIVER_OK

void queue_give(struct queue *queue, u16 head);
void queue_notify(struct queue *queue);
bool queue_done(const struct queue *queue); // whether there is something to take
u16 queue_take(struct queue *queue, u32 *written);
