#include "text.h"

// The compiler may call these by itself.
void *memcpy(void *to, const void *from, size_t n)
{
    void *start = to;
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return start;
}

void *memset(void *to, int value, size_t n)
{
    void *start = to;
    asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
    return start;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const u8 *x = a, *y = b;
    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *s)
{
    const char *end = s;
    while (*end)
        end++;
    return (size_t)(end - s);
}

bool same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static u32 number(char *digits, u32 value, u32 base)
{
    u32 n = 0;
    do {
        u32 digit = value % base;
        digits[n++] = (char)(digit < 10 ? '0' + digit : 'a' + digit - 10);
        value /= base;
    } while (value);
    return n;
}

u32 vformat(char *to, u32 room, const char *text, __builtin_va_list arguments)
{
    u32 n = 0;
    char digits[16];
    for (; *text; text++) {
        const char *part = text;
        u32 length = 1;
        bool reversed = false;
        if (*text == '%' && text[1]) {
            text++;
            if (*text == 's') {
                part = __builtin_va_arg(arguments, const char *);
                length = strlen(part);
            } else if (*text == 'c') {
                digits[0] = (char)__builtin_va_arg(arguments, int);
                part = digits;
            } else {
                part = digits;
                length = number(digits, __builtin_va_arg(arguments, u32), *text == 'x' ? 16 : 10);
                reversed = true;
            }
        }
        for (u32 i = 0; i < length && n + 1 < room; i++)
            to[n++] = part[reversed ? length - 1 - i : i];
    }
    to[n] = 0;
    return n;
}

u32 format(char *to, u32 room, const char *text, ...)
{
    __builtin_va_list arguments;
    __builtin_va_start(arguments, text);
    u32 n = vformat(to, room, text, arguments);
    __builtin_va_end(arguments);
    return n;
}
