// Output. At first byte by byte through the window in configuration space, which needs neither memory nor a mapping; then by the
// transmit queue: a ring of buffers, each given again when the host has taken it.
#include "console.h"
#include "frames.h"
#include "host.h"
#include "text.h"
#include "virtio.h"

#define BUFFERS 16u
#define BUFFER_BYTES 256u
#define EMERGENCY_WRITE 8
#define FEATURE_EMERGENCY 4u

static struct virtio device;
static struct queue output;
static bool found, queued;
static char *buffers;
static u32 given, taken; // of all buffers so far

void console_early(void)
{
    found = virtio_find(&device, VIRTIO_CONSOLE);
}

bool console_queue(void)
{
    if (!found)
        return false;
    virtio_map(&device, 0);
    if (!virtio_negotiate(&device, FEATURE_EMERGENCY) || !virtio_queue(&device, &output, 1))
        return false;
    buffers = virt(take_low());
    output.avail->flags = 1; // no interrupts: we look when we need a buffer
    virtio_go(&device);
    given = taken = 0;
    queued = true;
    return true;
}

static void collect(void)
{
    while (queue_done(&output)) {
        queue_take(&output, NULL);
        taken++;
    }
}

void console_drain(void)
{
    while (queued && taken != given) {
        hypercall(CALL_SEND_INTERRUPTS, 0, 0, 0, 0); // lets the host work
        collect();
    }
}

static void put_bytes(const char *text, u32 length)
{
    collect();
    while (given - taken == BUFFERS) {
        hypercall(CALL_SEND_INTERRUPTS, 0, 0, 0, 0);
        collect();
    }
    u16 i = given++ % BUFFERS;
    char *buffer = buffers + i * BUFFER_BYTES;
    memcpy(buffer, text, length);
    output.desc[i].address = phys(buffer);
    output.desc[i].length = length;
    output.desc[i].flags = 0;
    queue_give(&output, i);
    queue_notify(&output);
}

void put(const char *text)
{
    u32 length = strlen(text);
    if (!found)
        return;
    if (!queued) {
        for (u32 i = 0; i < length; i++)
            virtio_window_write(&device, device.config_offset + EMERGENCY_WRITE, 4, (u8)text[i]);
        return;
    }
    while (length) {
        u32 part = length < BUFFER_BYTES ? length : BUFFER_BYTES;
        put_bytes(text, part);
        text += part;
        length -= part;
    }
}

void print(const char *text, ...)
{
    char line[160];
    __builtin_va_list arguments;
    __builtin_va_start(arguments, text);
    vformat(line, sizeof line, text, arguments);
    __builtin_va_end(arguments);
    put(line);
}

void panic(const char *text, ...)
{
    char line[100];
    char whole[128];
    __builtin_va_list arguments;
    __builtin_va_start(arguments, text);
    vformat(line, sizeof line, text, arguments);
    __builtin_va_end(arguments);
    irq_disable();
    format(whole, sizeof whole, "panic: %s", line);
    put(whole);
    put("\n");
    console_drain();
    shutdown(whole);
}
