// Faults passed to the process's own handler: with the right vector, code and address, and the way back.
#include "user.h"

#define NOWHERE 0x20000000u // no range of this process: its faults are its own

static struct trouble last;
static volatile u32 count; // the handler changes it behind the compiler's back

static void skip(struct trouble *trouble)
{
    last = *trouble;
    count++;
    trouble->eip = trouble->esi; // where the trying code wants to go on
}

// Runs instructions that must fault; the handler goes on behind them.
#define TRIES(code, ...)                                                                                                      \
    ({                                                                                                                        \
        last.vector = ~0u;                                                                                                    \
        asm volatile("movl $1f, %%esi\n\t" code "\n1:" : : __VA_ARGS__ : "esi", "eax", "ecx", "edx", "memory", "cc");         \
        last.vector;                                                                                                          \
    })

static u32 check_page_faults(void)
{
    handle(skip);
    EXPECT(TRIES("movl (%0), %%eax", "D"(NOWHERE + 4)) == 14 && last.code == 4 && last.address == NOWHERE + 4);
    EXPECT(TRIES("movl %%eax, (%0)", "D"(NOWHERE + 8)) == 14 && last.code == 6 && last.address == NOWHERE + 8);
    // With PAE a fetch may be told apart (bit 4), where the host has no-execute on.
    EXPECT(TRIES("call *%0", "D"(NOWHERE + 12)) == 14 && (last.code & ~16u) == 4 && last.address == NOWHERE + 12 && last.eip == NOWHERE + 12);
    asm volatile("" : : : "memory");
    // The kernel's half is present, but not for users.
    EXPECT(TRIES("movl (%0), %%eax", "D"(0xC0100000u)) == 14 && last.code == 5 && last.address == 0xC0100000u);
    EXPECT(TRIES("movl %%eax, (%0)", "D"(0xC0100000u)) == 14 && last.code == 7);
    EXPECT(TRIES("movl (%0), %%eax", "D"(0u)) == 14 && last.code == 4 && last.address == 0);
    u32 at = USER_HEAP + 0x7000000;
    *word(at) = 3;
    call(SYS_PROTECT, at, 0, 0);
    EXPECT(*word(at) == 3);
    EXPECT(TRIES("movl %%eax, (%0)", "D"(at + 16)) == 14 && last.code == 7 && last.address == at + 16);
    EXPECT(*word(at) == 3);
    return 0;
}

static u32 check_switcher(void)
{
    handle(skip);
    // The host's own pages at the top: a user sees none of them, whether they are there or not.
    for (u32 at = 0xFFC00000u; at >= 0xFFC00000u; at += 16 * PAGE) {
        EXPECT(TRIES("movl (%0), %%eax", "D"(at)) == 14 && last.address == at && (last.code & 6) == 4);
        EXPECT(TRIES("movl %%eax, (%0)", "D"(at)) == 14 && last.address == at && (last.code & 6) == 6);
    }
    return 0;
}

static u32 check_exceptions(void)
{
    handle(skip);
    EXPECT(TRIES("xorl %%ecx, %%ecx\n\txorl %%edx, %%edx\n\tdivl %%ecx", "D"(0)) == 0);
    EXPECT(TRIES("int3", "D"(0)) == 3);
    EXPECT(TRIES("movb $0x7f, %%al\n\taddb $1, %%al\n\tinto", "D"(0)) == 4);
    EXPECT(TRIES("ud2", "D"(0)) == 6);
    static const u32 bounds[2] = { 5, 9 };
    EXPECT(TRIES("movl $4, %%eax\n\tboundl %%eax, %0", "m"(bounds)) == 5);
    EXPECT(TRIES("movl $5, %%eax\n\tboundl %%eax, %0", "m"(bounds)) == ~0u);
    return 0;
}

// What only the kernel, or the host, may do. None of it is emulated for a user.
static u32 check_privilege(void)
{
    handle(skip);
    EXPECT(TRIES("cli", "D"(0)) == 13 && last.code == 0);
    EXPECT(TRIES("hlt", "D"(0)) == 13 && last.code == 0);
    EXPECT(TRIES("inb $0x64, %%al", "D"(0)) == 13 && last.code == 0);
    EXPECT(TRIES("movl %%cr0, %%eax", "D"(0)) == 13 && last.code == 0);
    EXPECT(TRIES("movl $10, %%eax\n\tint $0x1F", "D"(0)) == 13 && last.code == 0x1F * 8 + 2); // a hypercall
    EXPECT(TRIES("int $0x20", "D"(0)) == 13 && last.code == 0x20 * 8 + 2);                    // the clock's vector
    EXPECT(TRIES("int $14", "D"(0)) == 13 && last.code == 14 * 8 + 2);
    EXPECT(TRIES("int $8", "D"(0)) == 13);
    EXPECT(TRIES("movl $0x69, %%eax\n\tmovl %%eax, %%es", "D"(0)) == 13 && last.code == 0x68); // the kernel's data
    EXPECT(TRIES("movl $0x58, %%eax\n\tmovl %%eax, %%es", "D"(0)) == 13 && last.code == 0x58); // the host's
    EXPECT(TRIES("ljmp $0x60, $0", "D"(0)) == 13 && last.code == 0x60);
    asm volatile("movl %0, %%es" : : "r"(0x7B));
    return 0;
}

// A pager in the process: pages come when they are touched, filled by the process itself.
static void page_in(struct trouble *trouble)
{
    last = *trouble;
    count++;
    u32 page = trouble->address & ~(PAGE - 1);
    if (trouble->vector != 14 || !call(SYS_MAP, page, 0, 0))
        leave(0xEE);
    for (u32 i = 0; i < PAGE; i += 4)
        *word(page + i) = page + i;
}

static u32 check_pager(void)
{
    u32 pages = number(NUMBER_PAGES);
    handle(page_in);
    count = 0;
    for (u32 i = 0; i < pages; i++) {
        u32 at = NOWHERE + (i * 37 % pages) * PAGE + i * 4;
        EXPECT(*word(at) == at);
    }
    EXPECT(count == pages);
    u32 across = NOWHERE + pages * PAGE - 2;
    EXPECT(*word(across) == ((across + 2) << 16 | (across - 2) >> 16)); // the next page comes in the middle of a read
    EXPECT(count == pages + 1);
    for (u32 i = 0; i <= pages; i++)
        call(SYS_UNMAP, NOWHERE + i * PAGE, 0, 0);
    count = 0;
    EXPECT(*word(NOWHERE) == NOWHERE && count == 1);
    call(SYS_UNMAP, NOWHERE, 0, 0);
    return 0;
}

// A collector's barrier: written pages are found by protecting them. Here each child counts its own.
static void unprotect(struct trouble *trouble)
{
    count++;
    u32 page = trouble->address & ~(PAGE - 1);
    u32 words[4] = { word(page)[0], word(page)[1], word(page)[2], word(page)[3] };
    if (trouble->code != 7)
        leave(0xEE);
    call(SYS_UNMAP, page, 0, 0);
    for (u32 i = 0; i < 4; i++)
        word(page)[i] = words[i];
}

static u32 check_barrier(void)
{
    u32 base = USER_HEAP + 0x8000000;
    handle(unprotect);
    for (u32 p = 0; p < 3; p++) {
        if (fork())
            continue;
        for (u32 i = 0; i < 16; i++) {
            *word(base + i * PAGE) = i;
            call(SYS_PROTECT, base + i * PAGE, 0, 0);
        }
        count = 0;
        for (u32 i = p; i < 16; i += 2) {
            *word(base + i * PAGE + 4) = 1;
            *word(base + i * PAGE + 8) = 2;
        }
        for (u32 i = 0; i < 16; i++)
            if (*word(base + i * PAGE) != i)
                leave(0xDD);
        leave(count);
    }
    u32 sum = 0;
    for (u32 p = 0; p < 3; p++)
        sum += wait_code();
    EXPECT(sum == 8 + 8 + 7);
    return 0;
}

const struct named_check fault_checks[] = {
    { "user-page-faults", check_page_faults },
    { "user-top-of-memory", check_switcher },
    { "user-exceptions", check_exceptions },
    { "user-privilege", check_privilege },
    { "user-pager", check_pager },
    { "user-barrier", check_barrier },
    { 0 },
};
