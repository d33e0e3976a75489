// Processes: each with its own address space and its own kernel stack.
#include "../lib/boot.h"
#include "../lib/console.h"
#include "../lib/frames.h"
#include "../lib/text.h"
#include "abi.h"
#include "process.h"

struct process processes[PROCESSES_MAX];
struct process *current;

static u8 stacks[PROCESSES_MAX][STACK_BYTES] ALIGNED(PAGE);
static u32 last_pid;
static u32 boot_stack_pointer;

extern void leave_trap(void);
extern void switch_stack(u32 *save, u32 next);

static u8 *stack_top(const struct process *process) { return stacks[process - processes] + STACK_BYTES; }

// A new process begins as if it came back from a trap: on its stack lie a frame and, below, what switch_stack pops.
static struct frame *prepare(struct process **made)
{
    struct process *process = processes;
    while (process < processes + PROCESSES_MAX && process->state != FREE)
        process++;
    if (process == processes + PROCESSES_MAX)
        return NULL;
    memset(process, 0, sizeof *process);
    process->pid = ++last_pid;
    process->parent = current;
    process->top = new_top();
    struct frame *frame = (struct frame *)stack_top(process) - 1;
    u32 *stack = (u32 *)frame - 5;
    memset(stack, 0, 5 * sizeof(u32));
    stack[4] = (u32)leave_trap;
    process->stack_pointer = (u32)stack;
    *made = process;
    return frame;
}

static void fresh_frame(struct frame *frame, u32 argument)
{
    memset(frame, 0, sizeof *frame);
    frame->ds = frame->es = frame->ss = USER_DS;
    frame->cs = USER_CS;
    frame->eip = USER_IMAGE;
    frame->esp = USER_STACK_END - 16;
    frame->eflags = EFLAGS_IF | 2;
    frame->ebx = argument;
}

struct process *start_process(u32 program)
{
    struct process *process;
    struct frame *frame = prepare(&process);
    fresh_frame(frame, 0);
    process->program = program;
    process->state = READY;
    return process;
}

u32 fork_process(const struct frame *frame)
{
    struct process *child;
    struct frame *copy = prepare(&child);
    if (!copy)
        return ~0u;
    *copy = *frame;
    copy->eax = 0;
    child->program = current->program;
    child->handler = current->handler;
    memcpy(child->tls, current->tls, sizeof child->tls);
    fpu_fork(child);
    copy_space(current->top, child->top);
    child->state = READY;
    return child->pid;
}

// Another program in the same process: a new address space, and the old one goes with all that only it used.
void exec_process(struct frame *frame, u32 program, u32 argument)
{
    entry *old = current->top;
    current->top = new_top();
    load_top(current->top);
    free_top(old);
    fpu_forget(current);
    current->uses_fpu = false;
    current->program = program;
    current->handler = 0;
    fresh_frame(frame, argument);
}

void exit_process(u32 code)
{
    irq_disable();
    fpu_forget(current);
    current->exit_code = code;
    current->state = ZOMBIE; // its memory goes when the parent asks: nobody can free the tables it runs on
    for (struct process *p = processes; p < processes + PROCESSES_MAX; p++)
        if (p->parent == current)
            p->parent = processes; // the first process takes orphans
    if (current == processes)
        finish();
    wake(current->parent);
    schedule();
    panic("a dead process runs");
}

u32 wait_process(void)
{
    while (true) {
        bool any = false;
        irq_disable();
        for (struct process *p = processes; p < processes + PROCESSES_MAX; p++) {
            if (p->state == FREE || p->parent != current)
                continue;
            any = true;
            if (p->state == ZOMBIE) {
                irq_enable();
                free_top(p->top);
                p->state = FREE;
                return p->pid << 8 | (p->exit_code & 0xFF);
            }
        }
        if (!any) {
            irq_enable();
            return 0;
        }
        wait_for(current);
    }
}

void wait_for(const void *what)
{
    if (!current) { // before the first process
        hypercall(CALL_HALT, 0, 0, 0, 0);
        irq_enable();
        return;
    }
    current->waits_for = what;
    current->state = WAITING;
    schedule();
    irq_enable();
}

void wake(const void *what)
{
    for (struct process *p = processes; p < processes + PROCESSES_MAX; p++)
        if (p->state == WAITING && p->waits_for == what)
            p->state = READY;
}

void wake_sleepers(u32 tick)
{
    for (struct process *p = processes; p < processes + PROCESSES_MAX; p++) {
        if (p->state == WAITING && p->wake_tick && (i32)(tick - p->wake_tick) >= 0) {
            p->wake_tick = 0;
            p->state = READY;
        }
    }
}

static struct process *next_ready(void)
{
    u32 start = current ? (u32)(current - processes) : PROCESSES_MAX - 1;
    for (u32 i = 1; i <= PROCESSES_MAX; i++) {
        struct process *p = &processes[(start + i) % PROCESSES_MAX];
        if (p->state == READY)
            return p;
    }
    return NULL;
}

// Round robin.
void schedule(void)
{
    u32 before = irq_save();
    must_schedule = false;
    struct process *next;
    while (!(next = next_ready())) {
        hypercall(CALL_HALT, 0, 0, 0, 0); // comes back behind an interrupt, with interrupts on
        irq_disable();
    }
    if (next != current) {
        struct process *last = current;
        current = next;
        // Three calls wait in the ring; the fourth makes the host do them first.
        fpu_switch(next);
        hypercall_later(CALL_LOAD_TLS, phys(next->tls), 0, 0, 0);
        hypercall_later(CALL_SET_STACK, KERNEL_DS, (u32)stack_top(next), STACK_BYTES / PAGE, 0);
        load_top(next->top);
        switch_stack(last ? &last->stack_pointer : &boot_stack_pointer, next->stack_pointer);
    }
    irq_restore(before);
}
