// The first process: runs every check of the users' side, or a benchmark.
#include "user.h"

static void run(const struct named_check *checks)
{
    for (; checks->name; checks++) {
        if (!call(SYS_SELECTED, (u32)checks->name, 0, 0))
            continue;
        u32 step = checks->run();
        while (wait_code() != ~0u) // a check that failed may have left children
            ;
        handle(0);
        call(SYS_REPORT, (u32)checks->name, step, 0);
    }
}

static void touch(u32 pages, u32 value)
{
    for (u32 i = 0; i < pages; i++)
        *word(USER_HEAP + 0x100000 + i * PAGE) = value + i;
}

// A shell's life: fork, the child writes a little, becomes another program and ends.
static void loop_fork(u32 rounds)
{
    u32 pages = number(NUMBER_PAGES);
    touch(pages, 1);
    for (u32 i = 0; i < rounds; i++) {
        if (!fork()) {
            touch(pages / 8, i);
            exec(PROGRAM_CHILD, i);
        }
        wait_code();
        touch(pages / 8, i);
    }
}

// Changes of the kernel's half while many address spaces are alive, each having used it.
static void loop_kernel(u32 rounds)
{
    u32 others = number(NUMBER_PROCESSES);
    SHARED[0] = 0;
    for (u32 i = 0; i < others; i++) {
        if (!fork()) {
            *word(USER_HEAP) = i;
            add(&SHARED[0], 1);
            while (SHARED[0] != ~0u)
                call(SYS_SLEEP, 50, 0, 0);
            leave(0);
        }
    }
    while (SHARED[0] != others)
        yield();
    for (u32 i = 1; i <= rounds; i++) {
        call(SYS_WINDOW, 5, i, 0);
        if (call(SYS_WINDOW, 5, 0, 0) != i)
            leave(1);
    }
    SHARED[0] = ~0u;
    while (wait_code() != ~0u)
        ;
}

u32 main(u32 argument)
{
    (void)argument;
    if (number(NUMBER_LOOP_FORK))
        loop_fork(number(NUMBER_LOOP_FORK));
    else if (number(NUMBER_LOOP_KERNEL))
        loop_kernel(number(NUMBER_LOOP_KERNEL));
    run(process_checks);
    run(memory_checks);
    run(fault_checks);
    run(fpu_checks);
    return 0;
}
