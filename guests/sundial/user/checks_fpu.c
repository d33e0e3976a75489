// x87 numbers that stay in the registers while other processes compute: only exact values, so that every result is known.
#include "user.h"

// The stack keeps a sum, a counter and a power of two over all the yields.
static u32 compute(u32 seed, u32 rounds)
{
    u32 result, control = seed;
    asm volatile("fildl %0\n\tfld1\n\tfldz" : : "m"(control)); // st0 sum, st1 step, st2 seed
    for (u32 i = 0; i < rounds; i++) {
        asm volatile("fadd %%st(2), %%st\n\tfadd %%st(1), %%st" : : );
        if (i % 3 == 0)
            yield();
        else
            for (volatile u32 spin = 0; spin < 500; spin++)
                ;
    }
    asm volatile("fistpl %0\n\tfstp %%st(0)\n\tfstp %%st(0)" : "=m"(result));
    return result == rounds * (seed + 1);
}

static u32 check_fpu(void)
{
    u32 processes = number(NUMBER_PROCESSES);
    for (u32 p = 1; p <= processes; p++)
        if (!fork())
            leave(compute(p * 1000 + 7, 60) ? 0 : 1);
    EXPECT(compute(3, 60));
    for (u32 p = 1; p <= processes; p++)
        EXPECT(wait_code() == 0);
    return 0;
}

// A square root to the last bit, and the control word: both are a process's own.
static u32 check_rounding(void)
{
    for (u32 p = 0; p < 4; p++) {
        if (fork())
            continue;
        u16 control = (u16)(0x037F | p << 10), found; // p is the rounding mode
        u32 third, one = 1, three = 3;
        asm volatile("fldcw %0" : : "m"(control));
        for (u32 i = 0; i < 10; i++) {
            yield();
            asm volatile("fildl %1\n\tfidivl %2\n\tfstps %0" : "=m"(third) : "m"(one), "m"(three));
            asm volatile("fnstcw %0" : "=m"(found));
            u32 expected = p == 0 || p == 2 ? 0x3EAAAAAB : 0x3EAAAAAA; // one third is between these two
            if (third != expected || found != control)
                leave(1);
        }
        leave(0);
    }
    for (u32 p = 0; p < 4; p++)
        EXPECT(wait_code() == 0);
    return 0;
}

// A child begins with its parent's numbers.
static u32 check_inherited(void)
{
    u32 seven = 7, result;
    asm volatile("fildl %0" : : "m"(seven));
    u32 child = fork();
    if (!child) {
        asm volatile("fmul %%st(0), %%st\n\tfistpl %0" : "=m"(result));
        leave(result == 49 ? 0 : 1);
    }
    yield();
    asm volatile("fadd %%st(0), %%st\n\tfistpl %0" : "=m"(result));
    EXPECT(result == 14);
    EXPECT(wait_code() == 0);
    return 0;
}

const struct named_check fpu_checks[] = {
    { "fpu", check_fpu },
    { "fpu-rounding", check_rounding },
    { "fpu-fork", check_inherited },
    { 0 },
};
