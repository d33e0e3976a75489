namespace Gnomon.Model.Tests.Model;

/// <summary>A translation that a processor found in the shadows.</summary>
/// <param name="Page">The guest page.</param>
/// <param name="Writable">RW on the whole path.</param>
/// <param name="User">US on the whole path.</param>
/// <param name="Executable">No NX on the path.</param>
public readonly record struct SeenTranslation(ulong Page, bool Writable, bool User, bool Executable);

/// <summary>Whether the guest's tables, or what they may still be taken for, grant what the shadows show.</summary>
public static class ModelGrants
{
    /// <summary>Null when some possible walk grants it, else why none does.</summary>
    public static string? Refuse(GuestModel model, int cpu, uint address, SeenTranslation seen)
    {
        ModelConfig config = model.Config;
        if (config.InSwitcher(address))
        {
            return "a guest page lies in the Switcher's range";
        }

        if (seen.Page >= config.Pages)
        {
            return "the page is outside memory";
        }

        if (config.IsDevice(seen.Page) || config.Holes.Contains((uint)seen.Page))
        {
            return "the page is a device's or a hole";
        }

        if (seen.Writable && config.ReadOnly.Contains((uint)seen.Page))
        {
            return "the page is read-only and mapped writable";
        }

        ModelCpu c = model.Cpu(cpu);
        List<ModelWalk> possible = model.Walker.Possible(c, address);
        return possible.Any(walk => Grants(config, c, walk, seen))
            ? null
            : $"the guest's tables say {string.Join(" | ", possible.Select(Describe))}";
    }

    private static bool Grants(ModelConfig config, ModelCpu cpu, ModelWalk walk, SeenTranslation seen)
    {
        if (walk.End != WalkEnd.Found || walk.Page != seen.Page || (walk.Leaf & 0x20) == 0 || (config.Unmodified && !walk.UpperAccessed))
        {
            return false;
        }

        bool writable = walk.Writable || (!cpu.WriteProtect && !seen.User);
        bool rights = (!seen.User || walk.User) && (!seen.Executable || walk.Executable)
            && (!seen.Writable || (writable && (walk.Leaf & 0x40) != 0));
        return rights;
    }

    private static string Describe(ModelWalk walk) =>
        $"{walk.End} page 0x{walk.Page:x} {(walk.Writable ? "w" : "-")}{(walk.Executable ? "x" : "-")}{(walk.User ? "u" : "k")} by "
        + string.Join(" ", walk.Steps.Select(step => step.Address == ModelWalk.Register ? $"[{step.Entry:x}]" : $"{step.Address:x}:{step.Entry:x}"));
}
