// The first instructions. The host starts us at privilege level 1 in linear mode: every address is its own physical address, and
// all registers are zero. So there is no stack yet.
    .section .low, "awx"
    .globl start
start:
    movl $(boot_stack_end - 0xC0000000), %esp
    call boot                       // builds the first page tables and has the host use them
    movl $boot_stack_end, %esp      // now the kernel's half is there
    movl $kernel_main, %eax
    call *%eax

    .bss
    .balign 4096
boot_stack:
    .skip 8192
    .globl boot_stack_end
boot_stack_end:
