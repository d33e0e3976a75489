namespace Gnomon.Architecture.Tests;

/// <summary>The house, from the bottom up: each project and those directly below it. What lies below those may be used too.</summary>
internal static class Layers
{
    private static readonly Dictionary<string, string[]> _below = new()
    {
        ["Gnomon.Memory"] = [],
        ["Gnomon.Paging"] = ["Gnomon.Memory"],
        ["Gnomon.Shadow"] = ["Gnomon.Paging"],
        ["Gnomon.Cpu"] = ["Gnomon.Paging"],
        ["Gnomon.Devices"] = ["Gnomon.Memory"],
        ["Gnomon.Traces"] = ["Gnomon.Shadow"],
        ["Gnomon.Monitor"] = ["Gnomon.Shadow", "Gnomon.Cpu", "Gnomon.Devices"],
        ["Gnomon"] = ["Gnomon.Monitor", "Gnomon.Traces"],
        ["Gnomon.Inspector"] = ["Gnomon"],
        ["Gnomon.Cli"] = ["Gnomon", "Gnomon.Inspector"],
    };

    public static bool Know(string project) => _below.ContainsKey(project);

    /// <summary>All projects that <paramref name="project"/> may reference.</summary>
    public static HashSet<string> Below(string project)
    {
        HashSet<string> below = [];
        Stack<string> open = new(_below[project]);
        while (open.TryPop(out string? next))
        {
            if (below.Add(next))
            {
                foreach (string lower in _below[next])
                {
                    open.Push(lower);
                }
            }
        }

        return below;
    }
}
