using Gnomon.Memory;
using Gnomon.Traces;

namespace Gnomon.Cli;

/// <summary>A range of guest-virtual addresses as the command line writes it: <c>0xA-0xB</c>, B not part of it.</summary>
/// <param name="First">The first address.</param>
/// <param name="Last">The last address.</param>
internal readonly record struct AddressRange(Gva First, Gva Last)
{
    /// <summary>Reads a range.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out AddressRange range)
    {
        range = default;
        int dash = text.IndexOf('-');
        if (dash < 0
            || !TraceNumber.TryParse(text[..dash], out ulong first)
            || !TraceNumber.TryParse(text[(dash + 1)..], out ulong end)
            || first >= end || end > 1UL << 32)
        {
            return false;
        }

        range = new AddressRange(new Gva((uint)first), new Gva((uint)(end - 1)));
        return true;
    }
}
