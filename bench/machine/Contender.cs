using System.Globalization;
using Gnomon.Linux;

namespace Gnomon.Bench.Machine;

/// <summary>A machine that can boot the guest.</summary>
/// <param name="Name">What the table calls it.</param>
/// <param name="File">The program.</param>
/// <param name="Arguments">Its arguments. It prints the guest's serial console.</param>
internal sealed record Contender(string Name, string File, IReadOnlyList<string> Arguments)
{
    /// <summary>The name of the machine that ratios are taken of.</summary>
    public const string Gnomon = "gnomon";

    /// <summary>The names of those that it is compared with.</summary>
    public static IReadOnlyList<string> Rivals { get; } = ["qemu", "v86"];

    /// <summary>All machines for one kernel, in the order of their runs.</summary>
    /// <param name="guest">The guest.</param>
    /// <param name="tools">Where the programs are.</param>
    public static IEnumerable<Contender> All(Guest guest, Tools tools)
    {
        string[] gnomon = ["exec", tools.Gnomon, "run", guest.Kernel, "--initrd", guest.RamDisk, "--append", Guest.CommandLine, "--memory", Memory];
        string dotnet = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        yield return new Contender(Gnomon, dotnet, gnomon);
        yield return new Contender("gnomon, guest unpacks", dotnet, [.. gnomon, "--boot", "guest"]);
        yield return new Contender("gnomon, lazy", dotnet, [.. gnomon, "--coherence", "lazy"]);
        yield return new Contender("gnomon, nested", dotnet, [.. gnomon, "--mmu", "nested"]);
        if (tools.Qemu is { } qemu)
        {
            string[] machine =
            [
                "-machine", "pc,accel=tcg", "-m", Memory, "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
                "-initrd", guest.RamDisk, "-append", Guest.CommandLine, "-kernel",
            ];
            yield return new Contender(Rivals[0], qemu, [.. machine, guest.Kernel]);
            if (guest.Flavour == LinuxFlavour.I686Pae && guest.Unpacked is { } unpacked)
            {
                yield return new Contender("qemu, unpacked (PVH)", qemu, [.. machine, unpacked]);
            }
        }

        if (tools.Node is { } node && tools.V86 is { } v86)
        {
            yield return new Contender(Rivals[1], node, [tools.V86Script, v86, guest.Kernel, guest.RamDisk, Memory, Guest.CommandLine]);
        }
    }

    private static string Memory => Guest.MemoryMiB.ToString(CultureInfo.InvariantCulture);
}
