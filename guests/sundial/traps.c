// Everything that comes into the kernel: interrupts, faults, system calls.
#include "../lib/console.h"
#include "../lib/text.h"
#include "abi.h"
#include "process.h"

struct trial trial;
bool syscall_irq;

// A fault that is nobody else's goes to the user's own handler: it finds a struct trouble on its stack and may change it.
void deliver_trouble(struct frame *frame, u32 address)
{
    if (!current->handler) {
        print("sundial: process killed by trap %u, code %x, address %x, eip %x\n", frame->vector, frame->code, address, frame->eip);
        exit_process(0xFF);
    }
    struct trouble *trouble = (struct trouble *)(frame->esp - sizeof *trouble);
    struct trouble copy = { frame->vector, frame->code, address, frame->edi, frame->esi, frame->ebp, frame->ebx, frame->edx, frame->ecx,
                            frame->eax, frame->eip, frame->eflags, frame->esp };
    *trouble = copy;
    ((u32 *)trouble)[-1] = (u32)trouble; // the handler's argument
    frame->esp = (u32)trouble - 4;
    frame->eip = current->handler;
}

void return_from_trouble(struct frame *frame)
{
    const struct trouble *trouble = (const struct trouble *)frame->ebx;
    struct trouble copy = *trouble;
    frame->edi = copy.edi;
    frame->esi = copy.esi;
    frame->ebp = copy.ebp;
    frame->ebx = copy.ebx;
    frame->edx = copy.edx;
    frame->ecx = copy.ecx;
    frame->eax = copy.eax;
    frame->eip = copy.eip;
    frame->esp = copy.esp;
    frame->eflags = (copy.eflags & 0xCD5) | EFLAGS_IF | 2;
}

static void fault(struct frame *frame)
{
    u32 address = frame->vector == 14 ? host_page.cr2 : 0; // before interrupts are on again
    if (frame->eflags & EFLAGS_IF)
        irq_enable();
    if (frame->vector == 14 && current && address < KERNEL_BASE && user_fault(address, frame->code))
        return;
    if (!from_user(frame)) {
        if (!trial.resume)
            panic("trap %u in the kernel, code %x, address %x, eip %x", frame->vector, frame->code, address, frame->eip);
        trial.vector = frame->vector;
        trial.code = frame->code;
        trial.address = address;
        frame->eip = trial.resume;
        trial.resume = 0;
        return;
    }
    if (frame->vector == 7)
        fpu_trap();
    else
        deliver_trouble(frame, address);
}

void trap(struct frame *frame)
{
    if (frame->vector == SYSCALL_VECTOR) {
        syscall_irq = host_page.irq_enabled & EFLAGS_IF;
        irq_enable();
        syscall(frame);
    } else if (frame->vector >= FIRST_IRQ_VECTOR) {
        if (frame->vector == FIRST_IRQ_VECTOR)
            clock_interrupt();
        else
            block_interrupt(frame->vector - FIRST_IRQ_VECTOR);
    } else {
        fault(frame);
    }

    // Only on the way back to a user does one process follow another: the kernel itself is never interrupted by another process.
    irq_disable();
    while (from_user(frame) && must_schedule) {
        schedule();
        irq_disable();
    }
}
