    .text
    .globl _start
_start:
    pushl %ebx                      // the argument of exec
    call main
    movl %eax, %ebx
    xorl %eax, %eax                 // SYS_EXIT
    int $0x80

// The kernel comes here with a fault that is nobody else's: on the stack are the address of a struct trouble, and the struct.
    .globl trouble_entry
trouble_entry:
    popl %ebx
    pushl %ebx
    call *trouble_handler
    popl %ebx
    movl $12, %eax                  // SYS_RETURN
    int $0x80
