// The clock event is one shot: whoever wants ticks asks for the next one each time.
#include "../lib/boot.h"
#include "process.h"

#define TICK_MICROSECONDS 1000u

volatile u32 ticks;
volatile bool must_schedule;
static bool repeats;
static u32 tick;

void clock_once(u32 microseconds)
{
    hypercall(CALL_CLOCK, microseconds * 1000, 0, 0, 0);
}

void clock_start(void)
{
    tick = option_number("tick", TICK_MICROSECONDS);
    repeats = true;
    clock_once(tick);
}

void clock_stop(void)
{
    repeats = false;
    clock_once(0);
}

void clock_interrupt(void)
{
    ticks++;
    must_schedule = true;
    wake_sleepers(ticks);
    if (repeats)
        clock_once(tick);
}

static u64 stamp(void)
{
    u64 value;
    asm volatile("rdtsc" : "=A"(value));
    return value;
}

void pass_time(u32 microseconds)
{
    u64 end = stamp() + (u64)(host_page.tsc_khz / 1000 + 1) * microseconds;
    while (stamp() < end)
        hypercall(CALL_FLUSH_ASYNC, 0, 0, 0, 0);
}
