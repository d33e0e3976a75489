// The way into the kernel and out of it. The host, or the processor itself for direct gates, has pushed [code] eip cs eflags and,
// from ring 3, esp ss. We add the rest of struct frame, call trap() and put everything back.
#define DS 0x69
#define IRQ_PENDING 20

    .macro stub vector, has_code=0
stub_\vector:
    .if \has_code == 0
    pushl $0
    .endif
    pushl $\vector
    jmp enter
    .section .rodata
    .long stub_\vector
    .text
    .endm

    .section .rodata
    .balign 4
    .globl stubs
stubs:
    .text
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    stub \n
    .endr
    stub 8, 1
    stub 9
    .irp n, 10, 11, 12, 13, 14
    stub \n, 1
    .endr
    .irp n, 15, 16
    stub \n
    .endr
    stub 17, 1
    .irp n, 18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47
    stub \n
    .endr

    .globl syscall_stub
syscall_stub:
    pushl $0
    pushl $0x80
enter:
    pushal
    pushl %ds
    pushl %es
    pushl %fs
    pushl %gs
    movl $DS, %eax
    movl %eax, %ds
    movl %eax, %es
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    cld
    movl %esp, %eax
    pushl %eax
    call trap
    addl $4, %esp

    .globl leave_trap
leave_trap:
    movl $0, host_page              // from here on no interrupt, until eflags says otherwise
    popl %gs
    popl %fs
    popl %es
    popl %ds
    popal
    addl $8, %esp
    // iret cannot bring our interrupt flag back: it is a word in memory. So we write the eflags that iret will load there. An
    // interrupt between this and iret would come too early; the host knows the address of the lone iret and helps.
    pushl 8(%esp)
    popl %ss:host_page
    testl $-1, %ss:host_page + IRQ_PENDING
    jnz 1f
    .globl noirq_iret
noirq_iret:
    iret
1:  pushl %eax                      // one came while they were off: ask for it
    movl $19, %eax
    int $0x1F
    popl %eax
    jmp noirq_iret

// void switch_stack(u32 *save, u32 next): the heart of a context switch. What C expects to survive a call is kept on the old stack.
    .globl switch_stack
switch_stack:
    movl 4(%esp), %eax
    movl 8(%esp), %edx
    pushl %ebp
    pushl %ebx
    pushl %esi
    pushl %edi
    movl %esp, (%eax)
    movl %edx, %esp
    popl %edi
    popl %esi
    popl %ebx
    popl %ebp
    ret
