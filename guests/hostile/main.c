// A kernel that means harm: attack=NAME does one thing that a host must withstand, attack=list prints the names. What is to come of
// each is in attacks.txt. Its own last words: "hostile: NAME survives", or "hostile: NAME guest-fault" for a trap that came back to it.
#include "hostile.h"

struct trial trial;
volatile u32 interrupts;

static const struct attack *const all[] = { table_attacks, entry_attacks, stack_attacks, call_attacks, descriptor_attacks, flag_attacks,
                                            instruction_attacks, device_attacks, ring_attacks, halt_attacks };
static const char *current = "?";

static _Noreturn void end(const char *how)
{
    char text[100];
    irq_disable();
    host_page.blocked_interrupts = 0;
    format(text, sizeof text, "hostile: %s %s", current, how);
    shutdown(text);
}

void survived(void) { end("survives"); }

void wrong(const char *what)
{
    char text[100];
    format(text, sizeof text, "BREACH: %s", what);
    end(text);
}

void trap(struct frame *frame)
{
    if (frame->vector == SYSCALL_VECTOR && from_user(frame))
        survived();
    if (frame->vector >= FIRST_IRQ_VECTOR) {
        interrupts++;
        return;
    }
    if (frame->vector == 1) { // single steps
        frame->eflags &= ~0x100u;
        interrupts++;
        return;
    }
    if (!trial.resume) {
        // Our tables may be in any state by now: no console.
        end("guest-fault");
    }
    trial.vector = frame->vector;
    trial.code = frame->code;
    frame->eip = trial.resume;
    trial.resume = 0;
}

volatile entry *pad(entry value, enum tell tell)
{
    set_leaf(current_top, PAD, value, tell);
    return find_leaf(current_top, PAD);
}

void run_user(const char *code, u32 length)
{
    gpa frame = take_low();
    memcpy(virt(frame), code, length);
    make_leaf(current_top, 0x400000);
    set_leaf(current_top, 0x400000, frame | ENTRY_P | ENTRY_W | ENTRY_U | ENTRY_A | ENTRY_D, TELL_NOW);
    asm volatile("pushl %0\n\tpushl %1\n\tpushl $0x202\n\tpushl %2\n\tpushl %3\n\tmovl %0, %%ds\n\tmovl %0, %%es\n\tiret"
                 : : "r"(USER_DS), "r"(0x400800), "r"(USER_CS), "r"(0x400000) : "memory");
}

static void list(void)
{
    for (u32 i = 0; i < COUNT(all); i++)
        for (const struct attack *attack = all[i]; attack->name; attack++)
            print("%s\n", attack->name);
    extern const char *const early_names[]; // linked low
    const char *const *low = virt((gpa)early_names);
    for (u32 i = 0; low[i]; i++)
        print("%s\n", (const char *)virt((gpa)low[i]));
    console_drain();
    shutdown("hostile: list");
}

void kernel_main(void)
{
    console_early();
    load_descriptors();
    frames_init();
    for (u32 i = 0; i < KERNEL_TOP; i++)
        if (master[i])
            set_top(master, i, 0);
    window(60, 0); // makes the window's table
    flush_all();
    if (!console_queue())
        panic("no console");
    if (option_is("attack", "list"))
        list();
    hypercall(CALL_SET_STACK, KERNEL_DS, (u32)virt(take_low()) + PAGE, 1, 0);
    irq_enable();
    for (u32 i = 0; i < COUNT(all); i++) {
        for (const struct attack *attack = all[i]; attack->name; attack++) {
            if (!option_is("attack", attack->name))
                continue;
            current = attack->name;
            print("hostile: %s\n", current);
            console_drain();
            attack->run();
            survived();
        }
    }
    const char *name = option("attack");
    if (name && !memcmp(name, "early-", 6)) { // its harm was done before the first hypercall
        static char copy[64];
        for (u32 i = 0; i + 1 < sizeof copy && name[i] && name[i] != ' '; i++)
            copy[i] = name[i];
        current = copy;
        survived();
    }
    panic("which attack?");
}
