namespace Gnomon.Linux;

/// <summary>The order in which modules can be loaded one by one: what a module needs comes before it.</summary>
public static class ModuleOrder
{
    /// <summary>The modules for virtio on PCI: console, disk, network, random numbers.</summary>
    public static IReadOnlyList<string> Virtio { get; } = ["virtio_pci", "virtio_console", "virtio_blk", "virtio_net", "virtio_rng"];

    /// <summary>Orders modules and all that they need.</summary>
    /// <param name="wanted">Their names, with dashes or underscores; earlier ones come earlier where the order is free.</param>
    /// <param name="find">Gives a module by its name with underscores, or null when there is none.</param>
    /// <param name="isBuiltIn">Whether a name without a module is a part of the kernel itself; then nothing is loaded for it.</param>
    /// <exception cref="LinuxFileException">A module is missing, or modules need each other in a circle.</exception>
    public static IReadOnlyList<KernelModule> Sort(IEnumerable<string> wanted, Func<string, KernelModule?> find, Func<string, bool> isBuiltIn)
    {
        List<KernelModule> order = [];
        HashSet<string> done = [];
        Stack<string> path = [];

        void Visit(string name, string? neededBy)
        {
            if (done.Contains(name))
            {
                return;
            }

            if (path.Contains(name))
            {
                throw new LinuxFileException($"The kernel modules {string.Join(", ", path.Reverse())} need each other in a circle.");
            }

            KernelModule? module = find(name);
            if (module is null)
            {
                done.Add(name);
                if (!isBuiltIn(name))
                {
                    throw new LinuxFileException(neededBy is null
                        ? $"The kernel has no module {name}."
                        : $"The kernel has no module {name}, which {neededBy} needs.");
                }

                return;
            }

            path.Push(name);
            foreach (string dependency in module.Dependencies)
            {
                Visit(dependency, name);
            }

            path.Pop();
            done.Add(name);
            order.Add(module);
        }

        foreach (string name in wanted)
        {
            Visit(KernelModule.CanonicalName(name), null);
        }

        return order;
    }
}
