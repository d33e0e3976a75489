// What the host left in memory before the first instruction.
#pragma once
#include "types.h"

extern u32 memory_bytes;
extern u32 low_bytes; // the part that is mapped for good
extern const char *command_line;

// Looks for name=value between blanks. Returns value, which ends at a blank or zero, or null.
const char *option(const char *name);
bool option_is(const char *name, const char *value);
u32 option_number(const char *name, u32 otherwise);
