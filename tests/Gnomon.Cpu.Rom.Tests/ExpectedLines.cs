using System.Runtime.CompilerServices;
using Gnomon.Cpu.Rom.Tests.Comparing;

namespace Gnomon.Cpu.Rom.Tests;

/// <summary>The lines a ROM must print, kept in the repository so that a processor can be tested without the emulators.</summary>
internal static class ExpectedLines
{
    /// <summary>The root of the repository.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The file of the lines of <paramref name="rom"/>, relative to the root.</summary>
    public static string PathOf(string rom) => $"tests/Gnomon.Cpu.Rom.Tests/expected/{rom}.txt";

    /// <summary>
    /// What is wrong with <paramref name="lines"/>: for every scenario whose line is none of the expected ones, both. Empty when all is right.
    /// </summary>
    public static IReadOnlyList<string> Wrong(string rom, IReadOnlyList<string> lines)
    {
        ILookup<string, string> expected = File.ReadLines(Path.Combine(Root, PathOf(rom))).ToLookup(Comparison.NameOf);
        ILookup<string, string> actual = lines.ToLookup(Comparison.NameOf);
        return
        [
            .. expected.Where(one => actual[one.Key].Count() != 1 || !one.Contains(actual[one.Key].Single()))
                .Select(one => $"expected {string.Join(" or ", one)}\n  actual {string.Join(" and ", actual[one.Key].DefaultIfEmpty("nothing"))}"),
            .. actual.Where(one => !expected.Contains(one.Key)).Select(one => $"not expected: {one.First()}"),
        ];
    }

    private static string FindRoot([CallerFilePath] string thisFile = "")
    {
        DirectoryInfo? directory = new FileInfo(thisFile).Directory;
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Gnomon.slnx")))
        {
            directory = directory.Parent;
        }
        return directory?.FullName ?? throw new DirectoryNotFoundException("Gnomon.slnx is in no directory above the tests.");
    }
}
