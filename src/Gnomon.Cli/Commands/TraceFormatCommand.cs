using System.CommandLine;

namespace Gnomon.Cli.Commands;

/// <summary><c>gnomon trace format</c>: the lines of a trace.</summary>
internal static class TraceFormatCommand
{
    private const string Notes = """
        Examples:
          gnomon trace format
        """;

    private const string Text = """
        A trace is text, one line a request. # starts a comment; numbers are decimal, or hex with 0x; keywords are in lower case.

        Header:
          gnomon-trace 1                      the first line
          format two-level|pae                the guest's page tables; default two-level
          memory PAGES                        guest pages, all zero; default 16384
          slots COUNT                         address spaces kept; default 64
          policy random:SEED|lru|clock        which of them goes when all slots are taken; default lru
          prefault ENTRIES                    entries that one fault fills; default 1
          kernel ADDRESS                      where the guest kernel's half begins; default 0xc0000000
          switcher ADDRESS                    where the host's pages begin; default 0xffc00000, pae 0xffe00000
          coherence notified|watched|lazy     how changes of the guest's tables are learnt; default notified
          on-flush resync|discard             what a flush does; default resync
          device ADDRESS BYTES                a device window, guest-physical; any number of them
          guest paravirtual|unmodified        whether the guest knows of the host; default paravirtual
          strict                              kill on what the original killed on

        Operations, each with what it prints besides `killed: REASON`:
          init                                a fresh guest in linear mode: ok
          cpu NUMBER                          the following lines are this virtual CPU's: ok
          poke ADDRESS ENTRY                  the guest writes one entry (4 bytes, 8 in pae): ok
          store ADDRESS BYTES VALUE           anyone writes 1 to 8 bytes: ok
          peek ADDRESS                        what stands there: 0xENTRY
          stack TOP PAGES                     the guest kernel's stack, pinned from now on: ok
          load DIRECTORY                      another top-level table: ok
          fault ADDRESS CODE                  a page fault: mapped, guest-fault 0xCODE, device 0xGPA, watched 0xGPA
          pin ADDRESS                         make a page mapped and writable: ok
          set-pte DIRECTORY ADDRESS ENTRY     the guest says what a leaf entry is now: ok
          set-pgd DIRECTORY INDEX             the guest says that a top-level entry has changed: ok
          set-pmd TABLE INDEX                 the same of a middle level (pae only): ok
          invlpg ADDRESS                      one page's translation is made true: ok
          controls BITS                       the control registers: 1 write protection, 2 large pages, 4 no-execute: ok
          linear                              paging is off again: ok
          flush-user                          flush the user half of the current address space: ok
          clear-all                           flush everything: ok
          translate ADDRESS                   through the guest's tables, for the host: 0xGPA
          map-switcher HOST-CPU               the virtual CPU is about to run there: ok
          access ADDRESS KIND                 what a CPU would do; KIND is r, w or x, then u or k:
                                              0xGPA, switcher, guest-fault 0xCODE, device 0xGPA
          reclaim PAGE-ADDRESS                the host takes the frame behind a guest page back: ok, refused: REASON
          fail-allocations COUNT              the next host frame allocations fail: ok
          dump                                every present leaf of the current root: ok, then `0xGVA 0xGPA rwxu` lines
          stats                               the counters: ok, then `NAME VALUE` lines
          audit                               check every invariant: ok, broken: WHICH
        """;

    /// <summary>Makes the command.</summary>
    public static Command Create(CliConsole console)
    {
        NotedCommand command = new("format", "Describe the lines of a trace.", Notes);
        command.SetAction(_ => console.Output.WriteLine(Text.ReplaceLineEndings("\n")));
        return command;
    }
}
