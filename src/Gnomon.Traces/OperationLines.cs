using System.Collections.Frozen;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Traces;

/// <summary>The operations' lines: how each is written, read and checked against the header.</summary>
internal static class OperationLines
{
    private const int MaxHostCpu = Switcher.MaxHostCpus - 1;
    private const int MaxCpu = ShadowOptions.MaxCpus - 1;

    private static readonly FrozenDictionary<string, Entry> _entries = new Dictionary<string, Entry>
    {
        ["init"] = new("init", static (ref line, header) => new TraceOperation.Init()),
        ["cpu"] = new("cpu NUMBER", Cpu),
        ["poke"] = new("poke ADDRESS ENTRY", static (ref line, header) =>
            new TraceOperation.Poke(Place(ref line, header, header.Shape.EntryBytes), line.Number("the entry", header.Shape.LargestEntry))),
        ["store"] = new("store ADDRESS BYTES VALUE", Store),
        ["peek"] = new("peek ADDRESS", static (ref line, header) =>
            new TraceOperation.Peek(Place(ref line, header, header.Shape.EntryBytes))),
        ["stack"] = new("stack TOP PAGES", static (ref line, header) =>
            new TraceOperation.StackPages(Virtual(ref line), (uint)line.Number("the number of pages", uint.MaxValue))),
        ["load"] = new("load DIRECTORY", static (ref line, header) => new TraceOperation.Load(Table(ref line, header))),
        ["fault"] = new("fault ADDRESS CODE", static (ref line, header) =>
            new TraceOperation.Fault(Virtual(ref line), (PageFaultCode)line.Number("the error code", uint.MaxValue))),
        ["pin"] = new("pin ADDRESS", static (ref line, header) => new TraceOperation.Pin(Virtual(ref line))),
        ["set-pte"] = new("set-pte DIRECTORY ADDRESS ENTRY", static (ref line, header) =>
            new TraceOperation.SetPte(Table(ref line, header), Virtual(ref line), line.Number("the entry", header.Shape.LargestEntry))),
        ["set-pgd"] = new("set-pgd DIRECTORY INDEX", static (ref line, header) =>
            new TraceOperation.SetPgd(Table(ref line, header), Index(ref line))),
        ["set-pmd"] = new("set-pmd TABLE INDEX", SetPmd),
        ["invlpg"] = new("invlpg ADDRESS", static (ref line, header) => new TraceOperation.InvalidatePage(Virtual(ref line))),
        ["controls"] = new("controls BITS", static (ref line, header) =>
            new TraceOperation.Controls((PagingControls)line.Count("the bits", 0, (int)PagingControls.All))),
        ["linear"] = new("linear", static (ref line, header) => new TraceOperation.EnterLinear()),
        ["flush-user"] = new("flush-user", static (ref line, header) => new TraceOperation.FlushUser()),
        ["clear-all"] = new("clear-all", static (ref line, header) => new TraceOperation.ClearAll()),
        ["translate"] = new("translate ADDRESS", static (ref line, header) => new TraceOperation.Translate(Virtual(ref line))),
        ["map-switcher"] = new("map-switcher HOST-CPU", static (ref line, header) =>
            new TraceOperation.MapSwitcher(line.Count("the host CPU", 0, MaxHostCpu))),
        ["access"] = new("access ADDRESS ru|rk|wu|wk|xu|xk", static (ref line, header) =>
            new TraceOperation.Access(Virtual(ref line), Access(ref line))),
        ["reclaim"] = new("reclaim PAGE-ADDRESS", static (ref line, header) =>
            new TraceOperation.Reclaim(Place(ref line, header, PageSize.Bytes))),
        ["fail-allocations"] = new("fail-allocations COUNT", static (ref line, header) =>
            new TraceOperation.FailAllocations(line.Count("the number of allocations", 0, int.MaxValue))),
        ["dump"] = new("dump", static (ref line, header) => new TraceOperation.Dump()),
        ["stats"] = new("stats", static (ref line, header) => new TraceOperation.Stats()),
        ["audit"] = new("audit", static (ref line, header) => new TraceOperation.Audit()),
    }.ToFrozenDictionary();

    private delegate TraceOperation Reader(ref TraceLineCursor line, TraceHeader header);

    /// <summary>The keywords.</summary>
    public static IEnumerable<string> Keywords => _entries.Keys;

    /// <summary>Whether a keyword is an operation's.</summary>
    public static bool Knows(ReadOnlySpan<char> keyword) => _entries.GetAlternateLookup<ReadOnlySpan<char>>().ContainsKey(keyword);

    /// <summary>Reads one line whose keyword is known.</summary>
    public static TraceOperation Read(ref TraceLineCursor line, TraceHeader header)
    {
        Entry entry = _entries.GetAlternateLookup<ReadOnlySpan<char>>()[line.Keyword];
        line.Usage = entry.Usage;
        TraceOperation operation = entry.Read(ref line, header);
        line.End();
        return operation;
    }

    private static Gva Virtual(ref TraceLineCursor line) => new((uint)line.Number("the address", uint.MaxValue));

    // As wide as an entry can name it: one outside guest memory is the guest's fault, not the trace's.
    private static Gpa Table(ref TraceLineCursor line, TraceHeader header) =>
        new(line.Number("the table's address", header.Shape.LargestEntry));

    private static uint Index(ref TraceLineCursor line) => (uint)line.Number("the index", uint.MaxValue);

    private static Gpa Place(ref TraceLineCursor line, TraceHeader header, int alignment)
    {
        Gpa place = new(line.Number("the address", ulong.MaxValue));
        if (place.Page.Value >= (ulong)header.MemoryPages)
        {
            ulong end = (ulong)header.MemoryPages << PageSize.Shift;
            line.Fail($"the address {place} lies outside the guest's {header.MemoryPages} pages; use one below {TraceLineCursor.Hex(end)}, or raise `memory` in the header");
        }

        if (place.Value % (ulong)alignment != 0)
        {
            line.Fail($"the address {place} is not aligned; use a multiple of {alignment}");
        }

        return place;
    }

    private static TraceOperation.Store Store(ref TraceLineCursor line, TraceHeader header)
    {
        Gpa place = Place(ref line, header, 1);
        int size = line.Count("the number of bytes", 1, TraceOperation.MaxStore);
        if (place.Value + (ulong)size > (ulong)header.MemoryPages << PageSize.Shift)
        {
            line.Fail($"{size} bytes at {place} reach past the guest's {header.MemoryPages} pages; write fewer, or raise `memory` in the header");
        }

        return new TraceOperation.Store(place, size, line.Number("the value", ulong.MaxValue >> (64 - (8 * size))));
    }

    private static TraceOperation.Cpu Cpu(ref TraceLineCursor line, TraceHeader header)
    {
        int cpu = line.Count("the virtual CPU", 0, MaxCpu);
        if (cpu >= header.Slots)
        {
            line.Fail($"virtual CPU {cpu} needs a slot of its own and the header gives {header.Slots}; raise `slots` to {cpu + 1} or more");
        }

        return new TraceOperation.Cpu(cpu);
    }

    private static TraceOperation.SetPmd SetPmd(ref TraceLineCursor line, TraceHeader header)
    {
        if (header.Shape.Levels < 3)
        {
            line.Fail("two-level tables have no middle level; use `set-pgd`, or `format pae` in the header");
        }

        return new TraceOperation.SetPmd(Table(ref line, header), Index(ref line));
    }

    private static PageAccess Access(ref TraceLineCursor line)
    {
        int choice = line.Choice("the kind of access", ["ru", "rk", "wu", "wk", "xu", "xk"]);
        PageFaultCode code = (choice >> 1) switch
        {
            1 => PageFaultCode.Write,
            2 => PageFaultCode.Fetch,
            _ => PageFaultCode.None,
        };
        return new PageAccess((choice & 1) == 0 ? code | PageFaultCode.User : code);
    }

    private sealed record Entry(string Usage, Reader Read);
}
