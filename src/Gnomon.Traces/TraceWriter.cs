using System.Globalization;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Traces;

/// <summary>Writes traces: what it writes, <see cref="TraceParser"/> reads back as the same.</summary>
public sealed class TraceWriter
{
    private readonly TextWriter _output;

    /// <summary>Begins a trace: writes the header.</summary>
    /// <param name="output">Where to; not closed by this object.</param>
    /// <param name="header">The header.</param>
    /// <param name="comment">One line on what the trace is; null for none.</param>
    public TraceWriter(TextWriter output, TraceHeader header, string? comment = null)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(header);
        _output = output;
        Line(HeaderLines.Signature);
        if (comment is not null)
        {
            Line($"# {comment}");
        }

        WriteHeader(header);
    }

    /// <summary>Writes a whole trace.</summary>
    public static void Write(TextWriter output, Trace trace, string? comment = null)
    {
        ArgumentNullException.ThrowIfNull(trace);
        TraceWriter writer = new(output, trace.Header, comment);
        foreach (TraceLine line in trace.Lines)
        {
            writer.Write(line.Operation);
        }
    }

    /// <summary>An operation as its line, without a line end.</summary>
    public static string Format(TraceOperation operation) => operation switch
    {
        TraceOperation.Init => "init",
        TraceOperation.Cpu o => Invariant($"cpu {o.Number}"),
        TraceOperation.Poke o => Invariant($"poke {o.Address} 0x{o.Entry:x}"),
        TraceOperation.Store o => Invariant($"store {o.Address} {o.Size} 0x{o.Value:x}"),
        TraceOperation.Peek o => $"peek {o.Address}",
        TraceOperation.StackPages o => Invariant($"stack {o.Top} {o.Count}"),
        TraceOperation.Load o => $"load {o.Directory}",
        TraceOperation.Fault o => Invariant($"fault {o.Address} {(uint)o.Code}"),
        TraceOperation.Pin o => $"pin {o.Address}",
        TraceOperation.SetPte o => Invariant($"set-pte {o.Directory} {o.Address} 0x{o.Entry:x}"),
        TraceOperation.SetPgd o => Invariant($"set-pgd {o.Directory} {o.Index}"),
        TraceOperation.SetPmd o => Invariant($"set-pmd {o.Table} {o.Index}"),
        TraceOperation.InvalidatePage o => $"invlpg {o.Address}",
        TraceOperation.Controls o => Invariant($"controls {(uint)o.Value}"),
        TraceOperation.EnterLinear => "linear",
        TraceOperation.FlushUser => "flush-user",
        TraceOperation.ClearAll => "clear-all",
        TraceOperation.Translate o => $"translate {o.Address}",
        TraceOperation.MapSwitcher o => Invariant($"map-switcher {o.HostCpu}"),
        TraceOperation.Access o => $"access {o.Address} {Kind(o.Kind)}",
        TraceOperation.Reclaim o => $"reclaim {o.Page}",
        TraceOperation.FailAllocations o => Invariant($"fail-allocations {o.Count}"),
        TraceOperation.Dump => "dump",
        TraceOperation.Stats => "stats",
        TraceOperation.Audit => "audit",
        _ => throw new ArgumentException($"There is no line for {operation}.", nameof(operation)),
    };

    /// <summary>Writes one operation.</summary>
    public void Write(TraceOperation operation) => Line(Format(operation));

    /// <summary>Writes a comment.</summary>
    /// <param name="text">One line.</param>
    public void Comment(string text) => Line($"# {text}");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static string Kind(PageAccess access)
    {
        char what = access.IsWrite ? 'w' : access.IsFetch ? 'x' : 'r';
        return access.IsUser ? $"{what}u" : $"{what}k";
    }

    // Lines end the same on every system.
    private void Line(string text)
    {
        _output.Write(text);
        _output.Write('\n');
    }

    private void WriteHeader(TraceHeader header)
    {
        Line($"format {header.Shape.Name}");
        Line(Invariant($"memory {header.MemoryPages}"));
        Line(Invariant($"slots {header.Slots}"));
        Line($"policy {header.Policy}");
        Line(Invariant($"prefault {header.Prefault}"));
        Line(Invariant($"kernel 0x{header.Kernel:x}"));
        Line(Invariant($"switcher 0x{header.SwitcherAddress:x}"));
        Line(header.Coherence switch
        {
            Coherence.Watched => "coherence watched",
            Coherence.Lazy => "coherence lazy",
            _ => "coherence notified",
        });
        Line(header.OnFlush == FlushPolicy.Discard ? "on-flush discard" : "on-flush resync");
        foreach (DeviceWindow window in header.Devices)
        {
            Line(Invariant($"device {window.Start} 0x{window.Length:x}"));
        }

        Line(header.Guest == GuestKind.Unmodified ? "guest unmodified" : "guest paravirtual");
        if (header.Strict)
        {
            Line("strict");
        }
    }
}
