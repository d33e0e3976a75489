using System.Globalization;

namespace Gnomon.Shadow.Tests.Fixture;

/// <summary>The words of the trace format: tests compare with what a trace would print.</summary>
internal static class TraceWords
{
    public static string Hex(ulong value) => "0x" + value.ToString("x", CultureInfo.InvariantCulture);

    /// <summary>r, w or x, then u or k.</summary>
    public static PageAccess Kind(string kind)
    {
        PageFaultCode code = kind[0] switch
        {
            'w' => PageFaultCode.Write,
            'x' => PageFaultCode.Fetch,
            _ => PageFaultCode.None,
        };
        return new PageAccess(kind[1] == 'u' ? code | PageFaultCode.User : code);
    }

    public static string Of(FaultOutcome outcome) => outcome.Kind switch
    {
        FaultKind.Mapped => "mapped",
        FaultKind.GuestFault => $"guest-fault {Hex((uint)outcome.Code)}",
        FaultKind.Device => $"device {Hex(outcome.Address.Value)}",
        _ => $"watched {Hex(outcome.Address.Value)}",
    };

    public static string Of(ShadowLeaf leaf) =>
        $"{Hex(leaf.Address.Value)} {(leaf.IsSwitcher ? "switcher" : Hex(leaf.Page.Address.Value))} "
        + $"r{(leaf.Writable ? 'w' : '-')}{(leaf.Executable ? 'x' : '-')}{(leaf.User ? 'u' : 'k')}";
}
