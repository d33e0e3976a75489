using System.Reflection;
using Gnomon.Traces;

namespace Gnomon.Cli;

/// <summary>The guests that are part of the program.</summary>
internal static class GuestImages
{
    /// <summary>Sundial, the kernel with processes: guests/README.md says what its command line can be.</summary>
    public static ReadOnlyMemory<byte> Sundial(TraceFormat format) => Read(format == TraceFormat.Pae ? "sundial-pae" : "sundial");

    private static byte[] Read(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"The program was built without its guest {name}.");
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
