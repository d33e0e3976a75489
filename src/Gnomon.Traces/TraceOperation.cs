using Gnomon.Memory;
using Gnomon.Paging;

namespace Gnomon.Traces;

/// <summary>One line of a trace after its header: what a guest, or its host, asked of the shadow tables.</summary>
public abstract record TraceOperation
{
    private TraceOperation()
    {
    }

    /// <summary>A fresh guest in linear mode.</summary>
    public sealed record Init : TraceOperation;

    /// <summary>The following lines are this virtual CPU's.</summary>
    public sealed record Cpu(int Number) : TraceOperation;

    /// <summary>The guest writes one entry.</summary>
    public sealed record Poke(Gpa Address, ulong Entry) : TraceOperation;

    /// <summary>The guest, a device or the host writes some bytes, of which a watched page's shadows hear.</summary>
    /// <param name="Address">The first byte.</param>
    /// <param name="Size">Bytes, 1 … <see cref="MaxStore"/>.</param>
    /// <param name="Value">The bytes, as a little-endian number.</param>
    public sealed record Store(Gpa Address, int Size, ulong Value) : TraceOperation;

    /// <summary>Bytes of one <see cref="Store"/> at most.</summary>
    public const int MaxStore = 8;

    /// <summary>What stands in an entry.</summary>
    public sealed record Peek(Gpa Address) : TraceOperation;

    /// <summary>The guest kernel's stack, pinned from now on.</summary>
    public sealed record StackPages(Gva Top, uint Count) : TraceOperation;

    /// <summary>Another top-level table.</summary>
    public sealed record Load(Gpa Directory) : TraceOperation;

    /// <summary>A page fault.</summary>
    public sealed record Fault(Gva Address, PageFaultCode Code) : TraceOperation;

    /// <summary>A page is made mapped and writable.</summary>
    public sealed record Pin(Gva Address) : TraceOperation;

    /// <summary>The guest says what a leaf entry is now.</summary>
    public sealed record SetPte(Gpa Directory, Gva Address, ulong Entry) : TraceOperation;

    /// <summary>The guest says that a top-level entry has changed.</summary>
    public sealed record SetPgd(Gpa Directory, uint Index) : TraceOperation;

    /// <summary>The guest says that a mid-level entry has changed.</summary>
    public sealed record SetPmd(Gpa Table, uint Index) : TraceOperation;

    /// <summary>One page's translation is made true again.</summary>
    public sealed record InvalidatePage(Gva Address) : TraceOperation;

    /// <summary>What the virtual CPU's control registers say.</summary>
    public sealed record Controls(PagingControls Value) : TraceOperation;

    /// <summary>The virtual CPU leaves paging.</summary>
    public sealed record EnterLinear : TraceOperation;

    /// <summary>The user half of the current address space.</summary>
    public sealed record FlushUser : TraceOperation;

    /// <summary>Everything.</summary>
    public sealed record ClearAll : TraceOperation;

    /// <summary>Translation for the host.</summary>
    public sealed record Translate(Gva Address) : TraceOperation;

    /// <summary>The virtual CPU is about to run on a host CPU.</summary>
    public sealed record MapSwitcher(int HostCpu) : TraceOperation;

    /// <summary>What a CPU would do.</summary>
    public sealed record Access(Gva Address, PageAccess Kind) : TraceOperation;

    /// <summary>The host takes a frame back.</summary>
    public sealed record Reclaim(Gpa Page) : TraceOperation;

    /// <summary>The next host frame allocations fail.</summary>
    public sealed record FailAllocations(int Count) : TraceOperation;

    /// <summary>Every present leaf of the current root.</summary>
    public sealed record Dump : TraceOperation;

    /// <summary>The counters.</summary>
    public sealed record Stats : TraceOperation;

    /// <summary>The auditor.</summary>
    public sealed record Audit : TraceOperation;
}
