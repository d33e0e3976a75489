#pragma once
#include "../lib/host.h"
#include "../lib/paging.h"

#define PROCESSES_MAX 100u
#define STACK_BYTES 8192u // two pages: what the host pins

enum state { FREE, READY, WAITING, ZOMBIE };

struct process {
    enum state state;
    u32 pid;
    struct process *parent;
    entry *top;
    u32 stack_pointer; // of the kernel's stack while another process runs
    const void *waits_for;
    u32 wake_tick; // 0: not asleep
    u32 exit_code;
    u32 program;
    u32 handler; // the user's own, for faults that are nobody else's
    u64 tls[3];
    bool uses_fpu;
    u8 fpu[108];
};

extern struct process processes[PROCESSES_MAX];
extern struct process *current; // null until the first one runs

struct process *start_process(u32 program);
u32 fork_process(const struct frame *frame);
void exec_process(struct frame *frame, u32 program, u32 argument);
_Noreturn void exit_process(u32 code);
u32 wait_process(void);

void schedule(void);                  // lets the next one run; comes back when it is our turn again
void wait_for(const void *what);      // with interrupts off; they are on afterwards
void wake(const void *what);
void wake_sleepers(u32 tick);

// memory.c
bool user_fault(u32 address, u32 code); // false: not ours to mend
void copy_space(entry *from, entry *to);
bool map_user(u32 address);
void unmap_user(u32 address);
void programs_init(void);

// fpu.c
void fpu_switch(struct process *next);
void fpu_trap(void);
void fpu_fork(struct process *child);
void fpu_forget(struct process *process);

// traps.c
struct trial { u32 resume, vector, code, address; };
extern struct trial trial; // a check expects a trap in the kernel and says where to go on
extern bool syscall_irq;
void deliver_trouble(struct frame *frame, u32 address);
void return_from_trouble(struct frame *frame);

// syscalls.c
void syscall(struct frame *frame);

// clock.c
extern volatile u32 ticks;
extern volatile bool must_schedule;
void clock_start(void);
void clock_stop(void);
void clock_once(u32 microseconds);
void clock_interrupt(void);
void pass_time(u32 microseconds); // looking at the time-stamp counter, with exits to the host

// block.c
bool block_start(void);
void block_interrupt(u32 irq);
u32 block_sectors(void);
bool block_read_only(void);
enum { BLOCK_READ = 0, BLOCK_WRITE = 1, BLOCK_FLUSH = 4 };
u32 block_io(u32 kind, u32 sector, void *data); // 512 bytes in low memory; the device's answer: 0 is good

// checks.c
bool selected(const char *name);
void report(const char *name, u32 step); // step 0: good
void run_kernel_checks(void);
_Noreturn void finish(void);
#define EXPECT(condition) do { if (!(condition)) return __LINE__; } while (0)
typedef u32 check(void);
struct named_check { const char *name; check *run; };
extern const struct named_check host_checks[], memory_checks[], trap_checks[], device_checks[];
