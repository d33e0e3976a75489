using Gnomon.Memory;

namespace Gnomon.Monitor;

/// <summary>What monitors ask of a guest's memory.</summary>
internal static class GuestMemoryExtensions
{
    /// <summary>Whether memory lies at an address, and no device.</summary>
    public static bool IsMemory(this GuestMemory memory, Gpa address) =>
        memory.Contains(address.Page) && (memory.Page(address.Page).Flags & GuestPageState.Device) == 0;
}
