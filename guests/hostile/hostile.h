#pragma once
#include "../lib/boot.h"
#include "../lib/console.h"
#include "../lib/frames.h"
#include "../lib/host.h"
#include "../lib/paging.h"
#include "../lib/pci.h"
#include "../lib/text.h"
#include "../lib/virtio.h"

// An attack does its worst. What comes of it is said by attacks.txt: if it returns, the guest has survived.
struct attack { const char *name; void (*run)(void); };
extern const struct attack table_attacks[], entry_attacks[], stack_attacks[], call_attacks[], descriptor_attacks[], flag_attacks[],
    instruction_attacks[], device_attacks[], ring_attacks[], halt_attacks[];

// Instructions that may trap: the trap is noted and execution goes on behind them. ~0: none.
struct trial { u32 resume, vector, code; };
extern struct trial trial;
#define TRY(code, ...)                                                                                                            \
    ({                                                                                                                            \
        trial = (struct trial){ .vector = ~0u };                                                                                  \
        asm volatile("movl $1f, %0\n\t" code "\n1:" : "=m"(trial.resume) : __VA_ARGS__ : "eax", "ecx", "edx", "memory", "cc");    \
        trial.resume = 0;                                                                                                         \
        trial.vector;                                                                                                             \
    })

#define PAD (WINDOW_BASE + 60 * PAGE) // a page of ours to play with
#define WILD 0xFFFFF000u

volatile entry *pad(entry value, enum tell tell); // sets the pad's entry
static inline u32 peek(u32 address) { return *(volatile u32 *)address; }
static inline void poke(u32 address, u32 value) { *(volatile u32 *)address = value; }

// Runs a piece of code, copied to a user's page, at ring 3; it ends with int $0x80. Uses the stack last set by hypercall 7.
void run_user(const char *code, u32 length);
extern volatile u32 interrupts;
_Noreturn void survived(void);
_Noreturn void wrong(const char *what); // the host let something through
