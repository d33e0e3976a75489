using System.Globalization;
using Gnomon.Monitor;
using Gnomon.Paging;

namespace Gnomon.Cli.Presentation;

/// <summary>The last page faults of a guest that was killed.</summary>
internal static class KilledText
{
    /// <summary>Writes them, a line each, the latest last.</summary>
    public static void Write(TextWriter output, MachineEnd end)
    {
        if (end.RecentFaults.Count == 0)
        {
            return;
        }

        output.WriteLine("last page faults:");
        foreach (PagingEvent fault in end.RecentFaults)
        {
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"  {fault.Instructions,12}  eip 0x{fault.Eip:x8}  address 0x{fault.Address:x8}  {Access(fault.Code),-25}  {Outcome(fault)}"));
        }
    }

    private static string Access(PageFaultCode code) =>
        (code.HasFlag(PageFaultCode.User) ? "user " : "kernel ")
        + (code.HasFlag(PageFaultCode.Fetch) ? "fetch" : code.HasFlag(PageFaultCode.Write) ? "write" : "read")
        + (code.HasFlag(PageFaultCode.Present) ? ", protected" : "");

    private static string Outcome(PagingEvent fault) => fault.Outcome switch
    {
        null => "killed the guest",
        Shadow.FaultKind.Mapped => "mapped",
        Shadow.FaultKind.GuestFault => "the guest's own",
        { } kind => kind.ToString().ToLowerInvariant(),
    };
}
