// Stacks that are not there.
#include "hostile.h"

static void set_stack(u32 segment, u32 pointer, u32 pages) { hypercall(CALL_SET_STACK, segment, pointer, pages, 0); }
static u32 good_stack(void) { return (u32)virt(take_low()) + PAGE; }
#define USER(code) do { static const char bytes[] = code; run_user(bytes, sizeof bytes); } while (0)
#define SYSCALL "\xCD\x80"

static void level_0(void) { set_stack(0x68, good_stack(), 1); }
static void level_3(void) { set_stack(0x7B, good_stack(), 1); }
static void three_pages(void) { set_stack(KERNEL_DS, good_stack(), 3); }
static void endless_pages(void) { set_stack(KERNEL_DS, good_stack(), 0xFFFFFFFF); }
static void unmapped(void) { set_stack(KERNEL_DS, 0xA0001000, 1); }
static void second_unmapped(void) { pad(take_low() | ENTRY_KERNEL, TELL_NOW); set_stack(KERNEL_DS, WINDOW_BASE + PAGE, 2); }
static void in_switcher(void) { set_stack(KERNEL_DS, 0xFFFFF000, 1); }
static void at_zero(void) { set_stack(KERNEL_DS, 0, 1); }
static void read_only(void) { pad(take_low() | ENTRY_P | ENTRY_A, TELL_NOW); set_stack(KERNEL_DS, PAD + PAGE, 1); }
static void in_device(void) { set_stack(KERNEL_DS, IO_BASE + PAGE, 1); }
static void wild_page(void) { pad(WILD | ENTRY_KERNEL, TELL_NOW); set_stack(KERNEL_DS, PAD + PAGE, 1); }

static void null_segment(void) { set_stack(1, good_stack(), 1); USER(SYSCALL); }
static void code_segment(void) { set_stack(KERNEL_CS, good_stack(), 1); USER(SYSCALL); }
static void missing_segment(void) { set_stack(0xA1, good_stack(), 1); USER(SYSCALL); }
static void host_segment(void) { set_stack(0x59, good_stack(), 1); USER(SYSCALL); }
static void outside_table(void) { set_stack(0x1001, good_stack(), 1); USER(SYSCALL); }
static void local_table(void) { set_stack(0x6D, good_stack(), 1); USER(SYSCALL); }

// The page goes after it was pinned.
static void taken_away(void)
{
    pad(take_low() | ENTRY_KERNEL, TELL_NOW);
    set_stack(KERNEL_DS, PAD + PAGE, 1);
    pad(0, TELL_NOW);
    flush_all();
    USER(SYSCALL);
}

static void taken_away_silently(void)
{
    pad(take_low() | ENTRY_KERNEL, TELL_NOW);
    set_stack(KERNEL_DS, PAD + PAGE, 1);
    pad(0, TELL_NOT);
    flush_all();
}

// The host's own stack is another one: where ours points does not matter to a hypercall.
static void odd_pointer(void)
{
    for (u32 i = 0; i < 5; i++) {
        static const u32 pointers[] = { 0, 3, 0xFFFFFFFF, 0xFFC00010, 0xA0000001 };
        asm volatile("movl %%esp, %%edi\n\tmovl %0, %%esp\n\tint $0x1F\n\tmovl %%edi, %%esp"
                     : : "m"(pointers[i]), "a"(CALL_FLUSH_ASYNC) : "edi", "memory");
    }
}

// No stack for the trap that comes.
static void reflected_without(void) { asm volatile("movl $0xA0001000, %%esp\n\tint3" : : : "memory"); }
static void direct_without(void) { asm volatile("movl $0xA0001000, %%esp\n\txorl %%ecx, %%ecx\n\tdivl %%ecx" : : : "memory", "eax", "edx", "ecx"); }
static void fault_without(void) { asm volatile("movl $0xA0001000, %%esp\n\tpushl %%eax" : : : "memory"); }
static void in_host_range(void) { asm volatile("movl $0xFFFFFFF0, %%esp\n\tint3" : : : "memory"); }

static void interrupt_without(void)
{
    hypercall(CALL_CLOCK, 1000, 0, 0, 0);
    asm volatile("movl $0xA0001000, %%esp\n1:\tjmp 1b" : : : "memory");
}

static void user_without(void) // a trap of ring 3, and no stack was ever good
{
    pad(take_low() | ENTRY_KERNEL, TELL_NOW);
    set_stack(KERNEL_DS, PAD + 8, 1); // two words of room, then the page below, which is not there
    set_leaf(current_top, PAD - PAGE, 0, TELL_NOW);
    USER(SYSCALL);
}

const struct attack stack_attacks[] = {
    { "stack-level-0", level_0 },
    { "stack-level-3", level_3 },
    { "stack-three-pages", three_pages },
    { "stack-endless-pages", endless_pages },
    { "stack-unmapped", unmapped },
    { "stack-second-unmapped", second_unmapped },
    { "stack-in-switcher", in_switcher },
    { "stack-at-zero", at_zero },
    { "stack-read-only", read_only },
    { "stack-in-device", in_device },
    { "stack-wild-page", wild_page },
    { "stack-null-segment", null_segment },
    { "stack-code-segment", code_segment },
    { "stack-missing-segment", missing_segment },
    { "stack-host-segment", host_segment },
    { "stack-outside-table", outside_table },
    { "stack-local-table", local_table },
    { "stack-taken-away", taken_away },
    { "stack-taken-away-silently", taken_away_silently },
    { "stack-odd-pointer", odd_pointer },
    { "stack-none-reflected", reflected_without },
    { "stack-none-direct", direct_without },
    { "stack-none-fault", fault_without },
    { "stack-none-interrupt", interrupt_without },
    { "stack-none-user", user_without },
    { "stack-in-host-range", in_host_range },
    { 0 },
};
