using System.Collections.Frozen;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Traces;

/// <summary>The header's lines: how each is written, read and checked.</summary>
internal sealed class HeaderLines
{
    /// <summary>The first line.</summary>
    public const string Signature = "gnomon-trace 1";

    private static readonly FrozenDictionary<string, Entry> _entries = new Dictionary<string, Entry>
    {
        ["format"] = new("format two-level|pae", static (ref line, header) => header with
        {
            Format = (TraceFormat)line.Choice("the format", ["two-level", "pae"]),
        }),
        ["memory"] = new("memory PAGES", static (ref line, header) => header with
        {
            MemoryPages = line.Count("the number of guest pages", 1, GuestMemory.MaxPages),
        }),
        ["slots"] = new("slots COUNT", static (ref line, header) => header with
        {
            Slots = line.Count("the number of slots", 1, TraceHeader.MaxSlots),
        }),
        ["policy"] = new("policy random:SEED|lru|clock", static (ref line, header) => header with { Policy = Policy(ref line) }),
        ["prefault"] = new("prefault ENTRIES", static (ref line, header) => header with
        {
            Prefault = line.Count("the number of entries", 1, TraceHeader.MaxPrefault),
        }),
        ["kernel"] = new("kernel ADDRESS", static (ref line, header) => header with
        {
            Kernel = (uint)line.Number("the kernel address", uint.MaxValue),
        }),
        ["switcher"] = new("switcher ADDRESS", static (ref line, header) => header with
        {
            Switcher = (uint)line.Number("the Switcher's address", uint.MaxValue),
        }),
        ["coherence"] = new("coherence notified|watched|lazy", static (ref line, header) => header with
        {
            Coherence = (Coherence)line.Choice("the coherence", ["notified", "watched", "lazy"]),
        }),
        ["on-flush"] = new("on-flush resync|discard", static (ref line, header) => header with
        {
            OnFlush = (FlushPolicy)line.Choice("what a flush does", ["resync", "discard"]),
        }),
        ["device"] = new("device ADDRESS BYTES", static (ref line, header) => header with { Devices = WithDevice(ref line, header) }),
        ["guest"] = new("guest paravirtual|unmodified", static (ref line, header) => header with
        {
            Guest = (GuestKind)line.Choice("the guest", ["paravirtual", "unmodified"]),
        }),
        ["strict"] = new("strict", static (ref line, header) => header with { Strict = true }),
    }.ToFrozenDictionary();

    private readonly Dictionary<string, long> _seen = [];
    private readonly List<long> _deviceLines = [];

    private delegate TraceHeader Reader(ref TraceLineCursor line, TraceHeader header);

    /// <summary>The keywords.</summary>
    public static IEnumerable<string> Keywords => _entries.Keys;

    /// <summary>What has been read so far.</summary>
    public TraceHeader Header { get; private set; } = new();

    /// <summary>Whether a keyword is the header's.</summary>
    public static bool Knows(ReadOnlySpan<char> keyword) => _entries.GetAlternateLookup<ReadOnlySpan<char>>().ContainsKey(keyword);

    /// <summary>Reads one line.</summary>
    public void Read(ref TraceLineCursor line)
    {
        Entry entry = _entries.GetAlternateLookup<ReadOnlySpan<char>>()[line.Keyword];
        string keyword = line.Keyword.ToString();
        line.Usage = entry.Usage;
        if (keyword == "device")
        {
            _deviceLines.Add(line.Line);
        }
        else if (!_seen.TryAdd(keyword, line.Line))
        {
            line.Fail($"`{keyword}` was given in line {_seen[keyword]} already; keep one of the two");
        }

        Header = entry.Read(ref line, Header);
        line.End();
    }

    /// <summary>Checks what can only be checked when the format is known.</summary>
    public void Complete()
    {
        FormatShape shape = Header.Shape;
        if (Header.Switcher is uint switcher && switcher % shape.LeafReach != 0)
        {
            throw new TraceFormatException(_seen["switcher"],
                $"the Switcher's address {TraceLineCursor.Hex(switcher)} is not a multiple of what a {shape.Name} table reaches; use a multiple of {TraceLineCursor.Hex(shape.LeafReach)}");
        }

        ulong end = 1UL << shape.AddressBits;
        for (int i = 0; i < Header.Devices.Count; i++)
        {
            DeviceWindow window = Header.Devices[i];
            if (window.Start.Value >= end || window.Length > end - window.Start.Value)
            {
                throw new TraceFormatException(_deviceLines[i],
                    $"the device window at {window.Start} of {TraceLineCursor.Hex(window.Length)} bytes leaves the {shape.AddressBits} bits of a {shape.Name} address; keep its end at or below {TraceLineCursor.Hex(end)}");
            }
        }
    }

    private static TracePolicy Policy(ref TraceLineCursor line)
    {
        ReadOnlySpan<char> word = line.Word("the policy");
        if (!TracePolicy.TryParse(word, out TracePolicy policy))
        {
            line.Fail($"the policy {TraceLineCursor.Quote(word)} is unknown; write one of lru, clock, random:SEED with a seed of at most 0xffffffff");
        }

        return policy;
    }

    private static DeviceWindow[] WithDevice(ref TraceLineCursor line, TraceHeader header)
    {
        if (header.Devices.Count == TraceHeader.MaxDevices)
        {
            line.Fail($"there are more than {TraceHeader.MaxDevices} device windows; join some");
        }

        Gpa start = new(line.Number("the window's address", ulong.MaxValue));
        ulong length = line.Number("the window's size", ulong.MaxValue);
        if (length == 0)
        {
            line.Fail("the device window has no byte; give a size of at least 1");
        }

        return [.. header.Devices, new DeviceWindow(start, length)];
    }

    private sealed record Entry(string Usage, Reader Read);
}
