#include "../lib/boot.h"
#include "../lib/console.h"
#include "../lib/frames.h"
#include "../lib/text.h"
#include "abi.h"
#include "process.h"

static u32 loop_rounds(const char *kind)
{
    const char *at = option("loop");
    size_t length = strlen(kind);
    if (!at || memcmp(at, kind, length) || at[length] != ':')
        return 0;
    u32 rounds = 0;
    for (at += length + 1; *at >= '0' && *at <= '9'; at++)
        rounds = rounds * 10 + (u32)(*at - '0');
    return rounds;
}

static u32 at_most(u32 number, u32 limit) { return number < limit ? number : limit; }

static u32 number(u32 which)
{
    switch (which) {
    case NUMBER_PROCESSES: return at_most(option_number("processes", 4), PROCESSES_MAX - 10);
    case NUMBER_FORKS: return at_most(option_number("forks", 16), 100000);
    case NUMBER_PAGES: return at_most(option_number("pages", 64), 1024);
    case NUMBER_LOOP_FORK: return loop_rounds("fork");
    case NUMBER_LOOP_KERNEL: return loop_rounds("kernel");
    case NUMBER_FREE: return frames_free();
    default: return ticks;
    }
}

static void sleep_ticks(u32 count)
{
    irq_disable();
    current->wake_tick = (ticks + count) | !(ticks + count); // 0 would mean: not asleep
    wait_for(&current->wake_tick);
}

// A slot of the window that one process fills and another one reads: the kernel's half is the same for both.
static u32 window_exchange(u32 slot, u32 value)
{
    static gpa shown[WINDOW_SLOTS / 2];
    slot %= WINDOW_SLOTS / 2;
    if (value) {
        gpa frame = take_any();
        u32 *page = window(WINDOW_SLOTS / 2 + slot, frame);
        page[0] = value;
        page[PAGE / 4 - 1] = ~value;
        shown[slot] = frame;
        return 0;
    }
    u32 *page = (u32 *)(WINDOW_BASE + (WINDOW_SLOTS / 2 + slot) * PAGE);
    u32 found = page[PAGE / 4 - 1] == ~page[0] ? page[0] : 0;
    set_leaf(current_top, (u32)page, 0, TELL_LATER);
    drop_frame(shown[slot]);
    return found;
}

static u32 disk(u32 sector, u8 *user, bool write)
{
    u8 *buffer = virt(take_low());
    if (write)
        memcpy(buffer, user, 512);
    u32 answer = block_io(write ? BLOCK_WRITE : BLOCK_READ, sector, buffer);
    if (!write)
        memcpy(user, buffer, 512);
    drop_frame(phys(buffer));
    return answer;
}

static u32 entry_flags(u32 address)
{
    entry *leaf = find_leaf(current->top, address);
    return leaf ? (u32)*leaf & (PAGE - 1) : 0;
}

static void age(u32 address)
{
    entry *leaf = find_leaf(current->top, address);
    set_leaf(current->top, address, *leaf & ~(entry)(ENTRY_A | ENTRY_D), TELL_NOW);
}

static void protect(u32 address)
{
    entry *leaf = find_leaf(current->top, address);
    set_leaf(current->top, address, (*leaf & ~(entry)ENTRY_W) | ENTRY_KEEP, TELL_NOW);
}

static void set_tls(u32 base)
{
    current->tls[0] = segment_descriptor(base, 0xFFFFF, 0xF2);
    hypercall(CALL_LOAD_TLS, phys(current->tls), 0, 0, 0);
}

void syscall(struct frame *frame)
{
    u32 a = frame->ebx, b = frame->ecx, c = frame->edx, result = 0;
    switch (frame->eax) {
    case SYS_EXIT: exit_process(a);
    case SYS_FORK: result = fork_process(frame); break;
    case SYS_EXEC: exec_process(frame, a, b); return;
    case SYS_WAIT: result = wait_process(); break;
    case SYS_YIELD: must_schedule = true; break;
    case SYS_PID: result = current->pid; break;
    case SYS_SLEEP: sleep_ticks(a); break;
    case SYS_LOG: put((const char *)a); break;
    case SYS_REPORT: report((const char *)a, b); break;
    case SYS_SELECTED: result = selected((const char *)a); break;
    case SYS_NUMBER: result = number(a); break;
    case SYS_HANDLER: current->handler = a; break;
    case SYS_RETURN: return_from_trouble(frame); return;
    case SYS_MAP: result = map_user(a); break;
    case SYS_UNMAP: unmap_user(a); break;
    case SYS_PROTECT: protect(a); break;
    case SYS_ENTRY: result = entry_flags(a); break;
    case SYS_AGE: age(a); break;
    case SYS_TLS: set_tls(a); break;
    case SYS_GATE: {
        extern void syscall_stub(void);
        load_gate(SYSCALL_VECTOR, syscall_stub, a, 3);
        break;
    }
    case SYS_GATE_IRQ: result = syscall_irq; break;
    case SYS_WINDOW: result = window_exchange(a, b); break;
    case SYS_DISK: result = disk(a, (u8 *)b, c); break;
    case SYS_SECTORS: result = option_is("disk", "no") ? 0 : block_sectors(); break;
    default: result = ~0u;
    }
    frame->eax = result;
}
