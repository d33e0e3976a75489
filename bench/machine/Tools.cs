using System.Diagnostics;

namespace Gnomon.Bench.Machine;

/// <summary>The programs that are compared. What is missing is left out, with a sentence on standard error.</summary>
/// <param name="Gnomon">The path of gnomon.dll.</param>
/// <param name="Qemu">qemu-system-i386, or null.</param>
/// <param name="Node">node, or null.</param>
/// <param name="V86">The folder of v86's package, or null.</param>
/// <param name="V86Script">The script that runs it.</param>
internal sealed record Tools(string Gnomon, string? Qemu, string? Node, string? V86, string V86Script)
{
    /// <summary>Looks for them. v86 is got by npm into <paramref name="cache"/>.</summary>
    /// <param name="root">The repository's root.</param>
    /// <param name="cache">A folder that is kept, and that git ignores.</param>
    public static Tools Find(string root, string cache)
    {
        string? qemu = OnPath("qemu-system-i386");
        string? node = OnPath("node");
        string? v86 = node is null ? null : V86Package(cache);
        if (qemu is null)
        {
            Console.Error.WriteLine("qemu-system-i386 is not on the PATH: the table is without it.");
        }

        if (v86 is null)
        {
            Console.Error.WriteLine("v86 cannot be had (it takes node and npm): the table is without it.");
        }

        return new Tools(
            Path.Combine(root, "src", "Gnomon.Cli", "bin", "Release", "net10.0", "gnomon.dll"),
            qemu,
            node,
            v86,
            Path.Combine(root, "bench", "machine", "v86.mjs"));
    }

    private static string? V86Package(string cache)
    {
        string folder = Path.Combine(cache, "v86");
        string package = Path.Combine(folder, "node_modules", "v86");
        if (!Directory.Exists(package) && OnPath("npm") is { } npm)
        {
            Directory.CreateDirectory(folder);
            File.WriteAllText(Path.Combine(folder, "package.json"), "{\"private\":true}");
            using Process process = Process.Start(new ProcessStartInfo(npm, ["install", "v86", "--no-audit", "--no-fund", "--silent"]) { WorkingDirectory = folder })!;
            process.WaitForExit();
        }

        return Directory.Exists(package) ? package : null;
    }

    private static string? OnPath(string program) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Select(folder => Path.Combine(folder, program))
        .FirstOrDefault(File.Exists);
}
