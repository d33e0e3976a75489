// Each check is a function that returns 0, or the line where it failed. One line of output for each, the same on every run.
#include "../lib/boot.h"
#include "../lib/console.h"
#include "../lib/host.h"
#include "../lib/text.h"
#include "process.h"

static u32 good, bad;

bool selected(const char *name)
{
    if (option("loop"))
        return false;
    return !option("only") || option_is("only", name);
}

void report(const char *name, u32 step)
{
    if (step) {
        bad++;
        print("sundial: check %s FAILED at %u\n", name, step);
    } else {
        good++;
        print("sundial: check %s ok\n", name);
    }
}

static void run(const struct named_check *checks)
{
    for (; checks->name; checks++)
        if (selected(checks->name))
            report(checks->name, checks->run());
}

void run_kernel_checks(void)
{
    run(host_checks);
    run(memory_checks);
    run(trap_checks);
    if (!option_is("disk", "no") && (block_sectors() || option_is("disk", "yes")))
        run(device_checks);
}

void finish(void)
{
    char text[64];
    irq_disable();
    if (option("loop"))
        format(text, sizeof text, "sundial: loop done");
    else if (bad)
        format(text, sizeof text, "sundial: %u of %u checks failed", bad, good + bad);
    else
        format(text, sizeof text, "sundial: all %u checks ok", good);
    print("%s\n", text);
    console_drain();
    shutdown(text);
}
