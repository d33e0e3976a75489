#include "boot.h"
#include "text.h"

u32 memory_bytes;
u32 low_bytes;
const char *command_line;

const char *option(const char *name)
{
    size_t length = strlen(name);
    for (const char *at = command_line; *at;) {
        while (*at == ' ')
            at++;
        if (!memcmp(at, name, length) && at[length] == '=')
            return at + length + 1;
        while (*at && *at != ' ')
            at++;
    }
    return NULL;
}

bool option_is(const char *name, const char *value)
{
    const char *at = option(name);
    size_t length = strlen(value);
    return at && !memcmp(at, value, length) && (at[length] == ' ' || at[length] == 0);
}

u32 option_number(const char *name, u32 otherwise)
{
    const char *at = option(name);
    if (!at || *at < '0' || *at > '9')
        return otherwise;
    u32 number = 0;
    for (; *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (u32)(*at - '0');
    return number;
}
