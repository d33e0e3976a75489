// The kernel's start, once page tables are there.
#include "../lib/boot.h"
#include "../lib/console.h"
#include "../lib/frames.h"
#include "abi.h"
#include "process.h"

void kernel_main(void)
{
    console_early();
    load_descriptors();
    print("sundial: %s tables, ring %u\n", FORMAT, ({ u32 cs; asm("mov %%cs, %0" : "=r"(cs)); cs & 3; }));

    // The mapping at 0 was for the first steps only.
    for (u32 i = 0; i < KERNEL_TOP; i++)
        if (master[i])
            set_top(master, i, 0);
    flush_all();
    frames_init();
    programs_init();
    if (!console_queue())
        panic("no console");
    block_start();
    irq_enable();
    run_kernel_checks();
    clock_start();
    start_process(PROGRAM_INIT);
    schedule();
    panic("nobody to run");
}
