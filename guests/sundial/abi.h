// What the kernel and the user programs agree on.
#pragma once

// A process's addresses. What is in none of these ranges belongs to the process's own fault handler.
#define USER_IMAGE 0x00400000u
#define USER_IMAGE_END 0x00500000u
#define USER_HEAP 0x10000000u // appears, zeroed, when it is touched
#define USER_HEAP_END 0x20000000u
#define USER_SHARED 0x30000000u // one page, the same for all
#define USER_STACK 0x3FF00000u  // grows down by being touched
#define USER_STACK_END 0x40000000u
#define USER_FAR 0x80000000u // a second heap, far away: other tables at every level
#define USER_FAR_END 0x90000000u

// int $0x80: number in eax, arguments in ebx, ecx, edx; the result comes in eax.
enum {
    SYS_EXIT,     // code
    SYS_FORK,     // child: 0
    SYS_EXEC,     // program, argument
    SYS_WAIT,     // pid << 8 | code of an ended child; 0: no child
    SYS_YIELD,
    SYS_PID,
    SYS_SLEEP,    // clock ticks
    SYS_LOG,      // text
    SYS_REPORT,   // name, 0 or the step that failed
    SYS_SELECTED, // name: whether this check shall run
    SYS_NUMBER,   // which of NUMBER_…
    SYS_HANDLER,  // address, 0: none
    SYS_RETURN,   // struct trouble: go on as it says
    SYS_MAP,      // address: a zeroed page, wherever
    SYS_UNMAP,    // address
    SYS_PROTECT,  // address: read-only from now on
    SYS_ENTRY,    // address: the flags of its entry, 0: no table
    SYS_AGE,      // address: takes A and D out of its entry
    SYS_TLS,      // base of the thread's segment
    SYS_GATE,     // 0xE or 0xF: how int $0x80 comes to the kernel
    SYS_GATE_IRQ, // whether interrupts were on when this call came in
    SYS_WINDOW,   // slot, value: shows a fresh page there; value 0: the word that is read there, then the page goes
    SYS_DISK,     // sector, buffer of 512 bytes, write: 0 is good
    SYS_SECTORS,  // of the disk; 0: none
};

enum { NUMBER_PROCESSES, NUMBER_FORKS, NUMBER_PAGES, NUMBER_LOOP_FORK, NUMBER_LOOP_KERNEL, NUMBER_FREE, NUMBER_TICKS };
enum { PROGRAM_INIT, PROGRAM_CHILD };

// What the kernel puts on the user's stack for the handler; SYS_RETURN takes it back.
struct trouble {
    unsigned vector, code, address;
    unsigned edi, esi, ebp, ebx, edx, ecx, eax;
    unsigned eip, eflags, esp;
};
