// A process's memory: pages that appear, pages that are copied when written, pages that go.
#include "user.h"

static u32 check_zero(void)
{
    u32 pages = number(NUMBER_PAGES);
    for (u32 i = 0; i < pages; i++)
        EXPECT(*word(USER_HEAP + 0x1000000 + i * PAGE + i * 4 % PAGE) == 0); // read first: the page that all share
    for (u32 i = 0; i < pages; i++)
        *word(USER_HEAP + 0x1000000 + i * PAGE) = i + 1;
    for (u32 i = 0; i < pages; i++)
        EXPECT(*word(USER_HEAP + 0x1000000 + i * PAGE) == i + 1 && *word(USER_HEAP + 0x1000000 + i * PAGE + 4) == 0);
    for (u32 i = 0; i < pages; i++)
        *word(USER_HEAP + 0x2000000 + i * PAGE) = i; // written first
    EXPECT(*word(USER_HEAP + 0x3000000) == 0); // the shared one is still empty
    return 0;
}

static u32 deep(u32 depth)
{
    volatile u32 here[256];
    here[depth % 256] = depth;
    u32 below = depth ? deep(depth - 1) : 0;
    return below + (here[depth % 256] == depth);
}

static u32 check_stack(void)
{
    EXPECT(deep(200) == 201); // about 50 pages
    return 0;
}

static u32 check_copy(void)
{
    u32 pages = number(NUMBER_PAGES);
    for (u32 i = 0; i < pages; i++)
        *word(USER_HEAP + 0x4000000 + i * PAGE) = i;
    for (u32 round = 0; round < 3; round++) {
        if (!fork()) {
            for (u32 i = 0; i < pages; i++) {
                if (*word(USER_HEAP + 0x4000000 + i * PAGE) != i + round)
                    leave(1);
                *word(USER_HEAP + 0x4000000 + i * PAGE) = ~i; // the child's copy
            }
            yield();
            for (u32 i = 0; i < pages; i++)
                if (*word(USER_HEAP + 0x4000000 + i * PAGE) != ~i)
                    leave(2);
            leave(0);
        }
        yield();
        for (u32 i = 0; i < pages; i++) {
            EXPECT(*word(USER_HEAP + 0x4000000 + i * PAGE) == i + round);
            add(word(USER_HEAP + 0x4000000 + i * PAGE), 1); // the parent's
        }
        // The child may not have looked yet: it has its own view since the fork.
        EXPECT(wait_code() == 0);
    }
    return 0;
}

static u32 check_image(void)
{
    static volatile u32 mine = 5;
    if (!fork()) {
        mine = 6;
        leave(mine == 6 ? 0 : 1);
    }
    EXPECT(wait_code() == 0);
    EXPECT(mine == 5);
    mine = 7;
    if (!fork())
        leave(mine == 7 ? 0 : 1);
    EXPECT(wait_code() == 0);
    return 0;
}

static u32 check_unmap(void)
{
    u32 at = USER_HEAP + 0x5000000;
    for (u32 i = 0; i < 32; i++) {
        EXPECT(*word(at) == 0);
        *word(at) = i + 1;
        *word(at + PAGE) = i + 1;
        call(SYS_UNMAP, at, 0, 0);
        EXPECT(*word(at + PAGE) == i + 1);
        call(SYS_UNMAP, at + PAGE, 0, 0);
    }
    return 0;
}

// A and D of a user's entry: taken away, they come back with the next access of their kind.
static u32 check_age(void)
{
    u32 at = USER_HEAP + 0x6000000;
    *word(at) = 1;
    EXPECT((call(SYS_ENTRY, at, 0, 0) & 0x60) == 0x60);
    for (u32 i = 0; i < 8; i++) {
        call(SYS_AGE, at, 0, 0);
        EXPECT((call(SYS_ENTRY, at, 0, 0) & 0x60) == 0);
        EXPECT(*word(at) == i + 1);
        EXPECT((call(SYS_ENTRY, at, 0, 0) & 0x60) == 0x20);
        *word(at) = i + 2;
        EXPECT((call(SYS_ENTRY, at, 0, 0) & 0x60) == 0x60);
    }
    return 0;
}

// After a hundred lives of children as many frames are free as after the first.
static u32 check_frames(void)
{
    u32 pages = number(NUMBER_PAGES), before = 0;
    for (u32 i = 0; i < 20; i++) {
        if (!fork()) {
            for (u32 j = 0; j < pages; j++)
                *word(USER_FAR + j * 8 * PAGE) = j;
            if (i & 1)
                exec(PROGRAM_CHILD, 1);
            leave(0);
        }
        EXPECT(wait_code() == (i & 1));
        if (i == 1)
            before = number(NUMBER_FREE);
        if (i > 1)
            EXPECT(number(NUMBER_FREE) == before);
    }
    return 0;
}

const struct named_check memory_checks[] = {
    { "demand-zero", check_zero },
    { "stack-growth", check_stack },
    { "copy-on-write", check_copy },
    { "image-pages", check_image },
    { "unmap", check_unmap },
    { "user-accessed-dirty", check_age },
    { "frames", check_frames },
    { 0 },
};
