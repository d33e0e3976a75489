// The two formats of page tables, and how the host is told of changes. One source: PAE chooses at compile time.
#pragma once
#include "types.h"

#define ENTRY_P 0x001u
#define ENTRY_W 0x002u
#define ENTRY_U 0x004u
#define ENTRY_A 0x020u
#define ENTRY_D 0x040u
#define ENTRY_PS 0x080u
#define ENTRY_KEEP 0x200u // bit 9 is free for us: read-only on purpose, not for copy-on-write
#define ENTRY_KERNEL (ENTRY_P | ENTRY_W | ENTRY_A | ENTRY_D)
#define ENTRY_TABLE (ENTRY_P | ENTRY_W | ENTRY_U | ENTRY_A)

#ifdef PAE
typedef u64 entry;
#define ENTRIES 512u
#define TOP_SHIFT 30
#define TOP_ENTRIES 4u
#define TOP_FLAGS ENTRY_P // a top entry has no other flag
#define FORMAT "pae"
#else
typedef u32 entry;
#define ENTRIES 1024u
#define TOP_SHIFT 22
#define TOP_ENTRIES 1024u
#define TOP_FLAGS ENTRY_TABLE
#define FORMAT "two-level"
#endif

#define TOP_INDEX(address) ((u32)(address) >> TOP_SHIFT)
#define KERNEL_TOP TOP_INDEX(KERNEL_BASE)
#define LEAF_INDEX(address) (((u32)(address) >> 12) % ENTRIES)
#define MIDDLE_INDEX(address) (((u32)(address) >> 21) % ENTRIES)
#define ENTRY_ADDRESS(e) ((gpa)(e) & ~(PAGE - 1))

// Places in the kernel's half.
#define IO_BASE 0xE0000000u     // device registers, a page each
#define WINDOW_BASE 0xF0000000u // a mapping that keeps changing: for memory that is not mapped for good
#define WINDOW_SLOTS 64u
#define AREA_BASE 0xF4000000u // a whole table comes and goes here
#ifdef PAE
#define AREA_BYTES (2u << 20)
#else
#define AREA_BYTES (4u << 20)
#endif

// How a change reaches the host.
enum tell { TELL_NOW, TELL_LATER, TELL_NOT };

extern entry *master; // the first table: its kernel half is every table's
extern entry *current_top;

void write_entry(volatile entry *at, entry value);
entry *find_leaf(entry *top, u32 address);                  // null where no table is
entry *make_leaf(entry *top, u32 address);                  // makes tables; kernel addresses: into the master's
void set_leaf(entry *top, u32 address, entry value, enum tell tell); // the table must be there
void set_top(entry *top, u32 index, entry value);
void link_table(entry *top, u32 address, gpa table);        // a leaf table for the address; 0 takes it away
void load_top(entry *top);
void flush_user(void);
void flush_all(void);

entry *new_top(void); // an address space with the kernel's half only
void free_top(entry *top);

void *window(u32 slot, gpa page);    // shows a page in a slot, told at once
void *window_next(gpa page);         // in the next slot: it stays there for some rounds
void *map_io(u32 slot, gpa page);
