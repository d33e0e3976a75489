// What a user program can do.
#pragma once
#include "../../lib/types.h"
#include "../abi.h"

static inline u32 call(u32 number, u32 a, u32 b, u32 c)
{
    u32 result;
    asm volatile("int $0x80" : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return result;
}

static inline _Noreturn void leave(u32 code) { call(SYS_EXIT, code, 0, 0); __builtin_unreachable(); }
static inline u32 fork(void) { return call(SYS_FORK, 0, 0, 0); }
static inline void exec(u32 program, u32 argument) { call(SYS_EXEC, program, argument, 0); }
static inline void yield(void) { call(SYS_YIELD, 0, 0, 0); }
static inline u32 number(u32 which) { return call(SYS_NUMBER, which, 0, 0); }

u32 wait_code(void); // the exit code of the next child that ends; ~0: none

// A function that handles this process's own faults.
typedef void handler(struct trouble *trouble);
extern handler *trouble_handler;
void handle(handler *handler);

#define EXPECT(condition) do { if (!(condition)) return __LINE__; } while (0)
typedef u32 check(void);
struct named_check { const char *name; check *run; };
extern const struct named_check process_checks[], memory_checks[], fault_checks[], fpu_checks[];

static inline volatile u32 *word(u32 address) { return (volatile u32 *)address; }

// Every process sees the same page here.
#define SHARED ((volatile u32 *)USER_SHARED)

// One instruction: no other process comes between the read and the write.
static inline void add(volatile u32 *to, u32 value) { asm volatile("addl %1, %0" : "+m"(*to) : "r"(value) : "memory", "cc"); }
