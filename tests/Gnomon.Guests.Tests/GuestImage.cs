using System.Runtime.CompilerServices;

namespace Gnomon.Guests.Tests;

/// <summary>The files of the guests.</summary>
internal static class GuestImage
{
    /// <summary>The directory guests/.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>All images.</summary>
    public static IReadOnlyList<string> Names { get; } = ["sundial", "sundial-pae", "hostile", "hostile-pae"];

    /// <summary>The file of an image.</summary>
    public static string PathOf(string name) => Path.Combine(Root, "bin", name);

    /// <summary>The bytes of an image.</summary>
    public static byte[] Bytes(string name) => File.ReadAllBytes(PathOf(name));

    private static string FindRoot([CallerFilePath] string thisFile = "") =>
        Path.GetFullPath(Path.Combine(Path.GetDirectoryName(thisFile)!, "..", "..", "guests"));
}
