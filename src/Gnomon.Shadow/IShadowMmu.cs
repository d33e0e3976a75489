using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Shadow;

/// <summary>
/// The shadow page tables of one guest, whatever their format: the one virtual boundary. Everything below it is specialised.
/// </summary>
/// <remarks>
/// <para>Locking: where more than one thread uses a guest, every member is to be called with <see cref="GuestMemory.Gate"/> held,
/// except <see cref="Cpu"/>'s mailbox. A virtual CPU leaves its mailbox before it waits for the lock.</para>
/// <para>Errors: what a guest may legally do is a returned value. What it must not do throws <see cref="GuestKilledException"/>;
/// the reason is kept in <see cref="KillReason"/>, and every later operation throws it again. What the caller does wrong throws
/// an <see cref="ArgumentException"/> and changes nothing.</para>
/// <para>Virtual CPUs are numbered from 0; another number is an <see cref="ArgumentOutOfRangeException"/>.</para>
/// </remarks>
public interface IShadowMmu : IDisposable
{
    /// <summary>The guest's memory.</summary>
    GuestMemory Memory { get; }

    /// <summary>The options that it was made with.</summary>
    ShadowOptions Options { get; }

    /// <summary>The counters.</summary>
    ShadowStatistics Statistics { get; }

    /// <summary>Why the guest was killed; null while it lives.</summary>
    string? KillReason { get; }

    /// <summary>The format's name: "two-level" or "pae".</summary>
    string FormatName { get; }

    /// <summary>What a virtual CPU has: its root, its mode, its mailbox. The same object for the guest's whole life.</summary>
    /// <param name="cpu">The virtual CPU, 0 … <see cref="ShadowOptions.Cpus"/>-1, as in every member below.</param>
    ShadowCpu Cpu(int cpu);

    /// <summary>(i) A page fault of the guest: fills the shadows from the guest's tables, or says whose matter it is.</summary>
    /// <param name="cpu">The virtual CPU.</param>
    /// <param name="address">The address that faulted.</param>
    /// <param name="code">The error code of the fault; bits 0 and 3 are ignored (lguest: demand_page).</param>
    /// <returns>Whose matter it is. In the Switcher's range always the guest's own fault.</returns>
    /// <exception cref="GuestKilledException">A paravirtual guest's table or page lies outside memory, a page cannot be written or
    /// read back, strict mode forbids a flag, or the host has no frame and nothing left to give.</exception>
    FaultOutcome DemandPage(int cpu, Gva address, PageFaultCode code);

    /// <summary>(ii) Makes a page mapped and writable for the guest kernel, as a write would (lguest: pin_page). It stays so until
    /// something drops it; <see cref="SetStack"/> is what lasts.</summary>
    /// <param name="cpu">The virtual CPU.</param>
    /// <param name="address">Any address in the page.</param>
    /// <exception cref="GuestKilledException">The guest's tables do not let its kernel write there, or a device or a watched table lies there.</exception>
    void PinPage(int cpu, Gva address);

    /// <summary>(ii) The guest kernel's stack: the one or two pages below <paramref name="top"/> stay mapped writable from now on.</summary>
    /// <param name="cpu">The virtual CPU.</param>
    /// <param name="top">The stack pointer's start; the pages holding top-1 and, for two, top-4097 are meant.</param>
    /// <param name="pages">1 or 2; else the guest is killed. 0 means none, before the guest has said where its stack is.</param>
    void SetStack(int cpu, Gva top, int pages);

    /// <summary>(iii) The guest says that a page table entry is this now (lguest: guest_set_pte). The entry is taken as given; memory is not
    /// looked at. In linear mode nothing changes.</summary>
    /// <param name="cpu">The virtual CPU that says so.</param>
    /// <param name="directory">The top-level table through which the entry's table is found; bits below its alignment are ignored. Need not be the current one.</param>
    /// <param name="address">An address that the entry maps.</param>
    /// <param name="entry">The new entry; 4-byte formats use the low 32 bits.</param>
    /// <exception cref="GuestKilledException">The address lies in the Switcher's range, or a table outside guest memory.</exception>
    void SetPte(int cpu, Gpa directory, Gva address, ulong entry);

    /// <summary>(iii) The guest says that a top-level entry has changed (lguest: guest_set_pgd): what hangs below it is unlinked.</summary>
    /// <param name="cpu">The virtual CPU that says so.</param>
    /// <param name="directory">The top-level table; bits below its alignment are ignored. Need not be the current one.</param>
    /// <param name="index">The entry, 0 … 1023, in PAE 0 … 3.</param>
    /// <exception cref="GuestKilledException">The index lies past the table's end, or the table outside guest memory.</exception>
    void SetPgd(int cpu, Gpa directory, uint index);

    /// <summary>(iii) The guest says that a mid-level entry has changed (PAE; lguest: guest_set_pmd).</summary>
    /// <param name="cpu">The virtual CPU that says so.</param>
    /// <param name="table">The middle table; the low 12 bits are ignored.</param>
    /// <param name="index">The entry, 0 … 511.</param>
    /// <exception cref="GuestKilledException">The index lies past the table's end, or the table outside guest memory.</exception>
    /// <exception cref="InvalidOperationException">The format has no such level.</exception>
    void SetPmd(int cpu, Gpa table, uint index);

    /// <summary>(iv) The guest loads another top-level table: CR3 (lguest: guest_new_pagetable). Ends linear mode of this virtual CPU.</summary>
    /// <param name="cpu">The virtual CPU.</param>
    /// <param name="directory">The table; bits below its alignment (4096 bytes, in PAE 32) are ignored.</param>
    /// <returns>False where the processor must raise #GP(0): an unmodified PAE guest with a reserved bit in one of the four top entries;
    /// nothing has changed then.</returns>
    /// <exception cref="GuestKilledException">A paravirtual guest's table lies outside guest memory, or its stack cannot be pinned.</exception>
    bool LoadPageTable(int cpu, Gpa directory);

    /// <summary>The guest turns paging off (an unmodified one may): back to linear mode.</summary>
    void EnterLinear(int cpu);

    /// <summary>The guest changes CR0.WP, CR4.PSE or EFER.NXE on this virtual CPU. Tables under other controls are others: the root may change.</summary>
    /// <param name="cpu">The virtual CPU.</param>
    /// <param name="controls">What the registers say now.</param>
    void SetControls(int cpu, PagingControls controls);

    /// <summary>(v) The guest flushes the user half of the current address space (lguest: guest_pagetable_flush_user); an unmodified one all of it.</summary>
    void FlushUser(int cpu);

    /// <summary>(v) The guest flushes everything, on every virtual CPU (lguest: guest_pagetable_clear_all). Stack and Switcher stay mapped.</summary>
    void ClearAll(int cpu);

    /// <summary>INVLPG: what is cached of this address is true again on return, whatever the coherence. Nothing happens in linear mode or in
    /// the Switcher's range.</summary>
    void InvalidatePage(int cpu, Gva address);

    /// <summary>(vi) Before the virtual CPU runs on a host CPU: shows it that CPU's Switcher pages, and pins again a stack that was dropped.
    /// Unmodified guests have no Switcher: for them only what is pending is done.</summary>
    /// <param name="cpu">The virtual CPU.</param>
    /// <param name="hostCpu">The host CPU, 0 … <see cref="Switcher.HostCpus"/>-1.</param>
    void PrepareToRun(int cpu, int hostCpu);

    /// <summary>(vii) The guest has declared itself: where its kernel half begins. Everything is flushed.</summary>
    void SetGuestData(Gva kernelAddress);

    /// <summary>Translation for the host, through the guest's own tables, rights left aside; sets neither A nor D (lguest: guest_pa).
    /// In linear mode the address itself.</summary>
    /// <exception cref="GuestKilledException">The address is not mapped.</exception>
    Gpa TranslateGuest(int cpu, Gva address);

    /// <summary>Translation for a debugger: through the guest's own tables, without killing, A, D or any other trace.</summary>
    bool TryTranslateGuest(int cpu, Gva address, out Gpa translation);

    /// <summary>What a processor would do on the shadows with this access: walk them with WP on, set A and D in them.</summary>
    /// <returns>False where the processor would fault; then <see cref="DemandPage"/> says why.</returns>
    bool TryWalkShadow(int cpu, Gva address, PageAccess access, out HardwareTranslation translation);

    /// <summary>The guest page that a frame found in the shadows of an address stands for.</summary>
    /// <returns>False for a Switcher page or no mapping.</returns>
    bool TryGetGuestPage(int cpu, Gva address, out Gfn page);

    /// <summary>Every present leaf of a virtual CPU's current root, in the order of addresses.</summary>
    IEnumerable<ShadowLeaf> Leaves(int cpu);

    /// <summary>Every present leaf of the guest's own tables as the virtual CPU has them now, in the order of addresses; nothing is touched.</summary>
    /// <param name="cpu">The virtual CPU.</param>
    /// <param name="first">The first address of the range.</param>
    /// <param name="last">The last address of the range, part of it.</param>
    IEnumerable<ShadowLeaf> GuestLeaves(int cpu, Gva first, Gva last);

    /// <summary>The shrinker: gives cold shadow tables, and the frames of spare ones, back to the host. Never a root, the Switcher or a pinned stack.</summary>
    /// <param name="tables">How many at most.</param>
    /// <returns>How many went.</returns>
    int Trim(int tables);

    /// <summary>The auditor (spec invariants 1 to 8): derives everything from scratch and compares.</summary>
    /// <returns>Null when all hold, else which is broken and where.</returns>
    string? Audit();
}
