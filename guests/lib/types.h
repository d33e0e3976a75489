// The types that everything here uses. All addresses are 32 bits; a physical address in an entry may have more.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t i32;

typedef u32 gpa; // an address in guest-physical memory

#define PAGE 4096u
#define KERNEL_BASE 0xC0000000u // guest-physical 0 lies here in every address space
#define LOW_MAX (32u << 20)     // so much memory is mapped there for good; what is above is reached through the window

static inline gpa phys(const volatile void *address) { return (u32)address - KERNEL_BASE; }
static inline void *virt(gpa address) { return (void *)(address + KERNEL_BASE); }

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ALIGNED(n) __attribute__((aligned(n)))
#define PACKED __attribute__((packed))
