// The FPU's registers move only when somebody else needs them: TS makes his first instruction trap.
#include "../lib/text.h"
#include "process.h"

static struct process *owner; // whose numbers are in the registers

void fpu_switch(struct process *next)
{
    hypercall_later(CALL_TS, next != owner, 0, 0, 0);
}

static void save_owner(void)
{
    asm volatile("fnsave %0" : "=m"(owner->fpu));
    owner = NULL;
}

void fpu_trap(void)
{
    hypercall(CALL_TS, 0, 0, 0, 0);
    if (owner == current)
        return;
    if (owner)
        save_owner();
    if (current->uses_fpu)
        asm volatile("frstor %0" : : "m"(current->fpu));
    else
        asm volatile("fninit");
    current->uses_fpu = true;
    owner = current;
}

void fpu_fork(struct process *child)
{
    if (owner == current) {
        save_owner();
        hypercall(CALL_TS, 1, 0, 0, 0);
    }
    child->uses_fpu = current->uses_fpu;
    memcpy(child->fpu, current->fpu, sizeof child->fpu);
}

void fpu_forget(struct process *process)
{
    if (owner == process) {
        owner = NULL;
        hypercall(CALL_TS, 1, 0, 0, 0);
    }
}
