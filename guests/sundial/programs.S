// The user programs, each a flat file that runs at 0x00400000. They are pages of the image, lent to whoever runs them.
    .section .programs, "a"
    .balign 4096
    .globl init_program, init_program_end, child_program, child_program_end
init_program:
    .incbin INIT
init_program_end:
    .balign 4096
child_program:
    .incbin CHILD
child_program_end:
    .balign 4096
