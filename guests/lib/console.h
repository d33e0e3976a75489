#pragma once
#include "types.h"

void console_early(void); // finds the device; until console_queue each byte is an emergency write
bool console_queue(void); // the real driver
void console_drain(void); // waits until the host has taken everything
void put(const char *text);
void print(const char *text, ...);
_Noreturn void panic(const char *text, ...);
