// Processes: fork, replacement, round robin, sleeping, and what they share.
#include "user.h"

static u32 check_fork(void)
{
    u32 forks = number(NUMBER_FORKS);
    u32 me = call(SYS_PID, 0, 0, 0);
    for (u32 i = 0; i < forks; i++) {
        u32 child = fork();
        if (!child)
            leave(call(SYS_PID, 0, 0, 0) != me ? i & 0x7F : 0xEE);
        EXPECT(child != ~0u && child != me);
        EXPECT(wait_code() == (i & 0x7F));
    }
    EXPECT(wait_code() == ~0u);
    return 0;
}

static u32 check_exec(void)
{
    *word(USER_HEAP) = 1;
    *word(USER_FAR) = 2;
    for (u32 i = 1; i <= 4; i++) {
        if (!fork()) {
            exec(PROGRAM_CHILD, 30 + i);
            leave(0xEE);
        }
        EXPECT(wait_code() == 30 + i);
    }
    EXPECT(*word(USER_HEAP) == 1 && *word(USER_FAR) == 2);
    return 0;
}

// A child of a child of a child …: each sees what its line has written.
static u32 generations(u32 depth)
{
    volatile u32 *line = word(USER_HEAP + 0x4000);
    if (depth == 8)
        return 0;
    line[depth] = depth + 100;
    if (!fork()) {
        for (u32 i = 0; i <= depth; i++)
            if (line[i] != i + 100)
                leave(1);
        line[depth] = depth + 200; // must not be seen above
        line[depth] = depth + 100;
        leave(generations(depth + 1) ? 1 : 0);
    }
    EXPECT(wait_code() == 0);
    EXPECT(line[depth] == depth + 100 && (depth == 7 || line[depth + 1] == 0));
    return 0;
}

static u32 check_generations(void)
{
    for (u32 i = 0; i < 8; i++)
        word(USER_HEAP + 0x4000)[i] = 0;
    return generations(0);
}

// All processes use the same addresses, at the same time, each with its own content.
static u32 check_spaces(void)
{
    u32 processes = number(NUMBER_PROCESSES), pages = number(NUMBER_PAGES);
    for (u32 p = 0; p < processes; p++) {
        if (fork())
            continue;
        for (u32 round = 0; round < 4; round++) {
            for (u32 i = 0; i < pages; i++) {
                *word(USER_HEAP + i * PAGE) = p << 16 | round << 12 | i;
                *word(USER_FAR + i * PAGE + 8) = ~(p << 16 | round << 12 | i);
            }
            yield();
            for (u32 i = 0; i < pages; i++)
                if (*word(USER_HEAP + i * PAGE) != (p << 16 | round << 12 | i) || *word(USER_FAR + i * PAGE + 8) != ~(p << 16 | round << 12 | i))
                    leave(1);
        }
        leave(0);
    }
    for (u32 p = 0; p < processes; p++)
        EXPECT(wait_code() == 0);
    return 0;
}

// Each waits for all others to move, and none gives way: only the clock can make that work.
static u32 check_preempt(void)
{
    u32 processes = number(NUMBER_PROCESSES);
    for (u32 p = 0; p < processes; p++)
        SHARED[16 + p] = 0;
    for (u32 p = 0; p < processes; p++) {
        if (fork())
            continue;
        for (u32 step = 1; step <= 3; step++) {
            SHARED[16 + p] = step;
            for (u32 other = 0; other < processes; other++)
                while (SHARED[16 + other] < step)
                    ;
        }
        leave(7);
    }
    for (u32 p = 0; p < processes; p++)
        EXPECT(wait_code() == 7);
    return 0;
}

static u32 check_yield(void)
{
    u32 processes = number(NUMBER_PROCESSES);
    SHARED[0] = 0;
    for (u32 p = 0; p < processes; p++) {
        if (fork())
            continue;
        for (u32 i = 0; i < 50; i++) {
            add(&SHARED[0], 1);
            yield();
        }
        leave(0);
    }
    for (u32 p = 0; p < processes; p++)
        EXPECT(wait_code() == 0);
    EXPECT(SHARED[0] == processes * 50);
    return 0;
}

// The registers of a process are its own, whatever interrupts it: all of them, for a while.
static u32 check_registers(void)
{
    u32 processes = number(NUMBER_PROCESSES);
    for (u32 p = 1; p <= processes; p++) {
        if (fork())
            continue;
        u32 end = number(NUMBER_TICKS) + 6;
        while (number(NUMBER_TICKS) < end) {
            u32 wrong;
            asm volatile(
                "pushl %%ebp\n\tmovl %1, %%eax\n\tmovl %%eax, %%ebx\n\tmovl %%eax, %%edx\n\tmovl %%eax, %%esi\n\t"
                "movl %%eax, %%edi\n\tmovl %%eax, %%ebp\n\tmovl $20000, %%ecx\n"
                "1:\tcmpl %%ebx, %%eax\n\tjne 2f\n\tcmpl %%edx, %%eax\n\tjne 2f\n\tcmpl %%esi, %%eax\n\tjne 2f\n\t"
                "cmpl %%edi, %%eax\n\tjne 2f\n\tcmpl %%ebp, %%eax\n\tjne 2f\n\tdecl %%ecx\n\tjnz 1b\n"
                "2:\tpopl %%ebp\n\tmovl %%ecx, %0"
                : "=m"(wrong) : "m"(p) : "eax", "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
            if (wrong)
                leave(1);
        }
        leave(0);
    }
    for (u32 p = 0; p < processes; p++)
        EXPECT(wait_code() == 0);
    return 0;
}

static u32 check_sleep(void)
{
    u32 before = number(NUMBER_TICKS);
    call(SYS_SLEEP, 5, 0, 0);
    EXPECT(number(NUMBER_TICKS) - before >= 5);
    // One sleeps, the other ends first.
    SHARED[0] = 0;
    if (!fork()) {
        call(SYS_SLEEP, 30, 0, 0);
        leave(SHARED[0] == 1 ? 3 : 4);
    }
    if (!fork()) {
        SHARED[0] = 1;
        leave(5);
    }
    EXPECT(wait_code() == 5);
    EXPECT(wait_code() == 3);
    return 0;
}

// A thread's segment: every process loads its own into the same descriptor.
static u32 check_tls(void)
{
    u32 processes = number(NUMBER_PROCESSES);
    for (u32 p = 1; p <= processes; p++) {
        if (fork())
            continue;
        u32 base = USER_HEAP + p * PAGE;
        *word(base + 4) = p;
        call(SYS_TLS, base, 0, 0);
        asm volatile("movl %0, %%gs" : : "r"(0x33));
        for (u32 i = 0; i < 20; i++) {
            u32 found;
            asm volatile("movl %%gs:4, %0" : "=r"(found));
            if (found != p)
                leave(1);
            yield();
        }
        leave(0);
    }
    for (u32 p = 0; p < processes; p++)
        EXPECT(wait_code() == 0);
    return 0;
}

// A system call through an interrupt gate comes by way of the host, with interrupts off; through a trap gate it does not.
static u32 check_gates(void)
{
    EXPECT(call(SYS_GATE_IRQ, 0, 0, 0) == 1);
    call(SYS_GATE, 0xE, 0, 0);
    u32 irq = call(SYS_GATE_IRQ, 0, 0, 0);
    u32 pid = call(SYS_PID, 0, 0, 0);
    call(SYS_GATE, 0xF, 0, 0);
    EXPECT(irq == 0);
    EXPECT(pid == call(SYS_PID, 0, 0, 0));
    EXPECT(call(SYS_GATE_IRQ, 0, 0, 0) == 1);
    return 0;
}

// What one process puts into the kernel's window, another one finds there.
static u32 check_window(void)
{
    u32 processes = number(NUMBER_PROCESSES);
    for (u32 round = 1; round <= 4; round++) {
        for (u32 p = 0; p < processes; p++) {
            if (!fork()) {
                call(SYS_WINDOW, p, round << 8 | (p + 1), 0);
                leave(0);
            }
            EXPECT(wait_code() == 0);
        }
        for (u32 p = 0; p < processes && p < 32; p++) {
            if (!fork())
                leave(call(SYS_WINDOW, p, 0, 0) == (round << 8 | (p + 1)) ? 0 : 1);
            EXPECT(wait_code() == 0);
        }
    }
    return 0;
}

static u32 check_disk(void)
{
    u32 sectors = call(SYS_SECTORS, 0, 0, 0), processes = number(NUMBER_PROCESSES);
    if (!sectors)
        return 0;
    for (u32 p = 0; p < processes; p++) {
        if (fork())
            continue;
        u8 *first = (u8 *)USER_HEAP, *again = (u8 *)USER_HEAP + PAGE - 256; // the second one lies across a page's end
        for (u32 i = 0; i < 4; i++) {
            if (call(SYS_DISK, (p * 4 + i) % sectors, (u32)first, 0) || call(SYS_DISK, (p * 4 + i) % sectors, (u32)again, 0))
                leave(1);
            for (u32 j = 0; j < 512; j++)
                if (first[j] != again[j])
                    leave(2);
        }
        leave(0);
    }
    for (u32 p = 0; p < processes; p++)
        EXPECT(wait_code() == 0);
    return 0;
}

const struct named_check process_checks[] = {
    { "fork", check_fork },
    { "exec", check_exec },
    { "generations", check_generations },
    { "address-spaces", check_spaces },
    { "preempt", check_preempt },
    { "yield", check_yield },
    { "registers", check_registers },
    { "sleep", check_sleep },
    { "tls", check_tls },
    { "syscall-gates", check_gates },
    { "window-shared", check_window },
    { "disk-shared", check_disk },
    { 0 },
};
