#pragma once
#include "types.h"

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
bool same(const char *a, const char *b);

// %s %u %x %c, nothing else. Returns the length; always ends with zero.
u32 format(char *to, u32 room, const char *text, ...);
u32 vformat(char *to, u32 room, const char *text, __builtin_va_list arguments);
