// The program that replaces another one. Its argument says what it shall do.
#include "user.h"

static u32 counter = 41; // in a page of the image: writing makes it our own
static u32 zeros[2048];

u32 main(u32 argument)
{
    for (u32 i = 0; i < 2048; i += 512)
        if (zeros[i])
            return 1;
    if (*word(USER_HEAP) || *word(USER_FAR)) // the heap of the program before must not be here
        return 2;
    counter++;
    zeros[argument % 2048] = argument;
    *word(USER_HEAP + 64) = argument;
    return counter == 42 && zeros[argument % 2048] == argument ? argument & 0x7F : 3;
}
