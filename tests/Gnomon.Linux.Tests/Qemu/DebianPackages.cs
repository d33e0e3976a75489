using Gnomon.Linux;

namespace Gnomon.Linux.Tests.Qemu;

/// <summary>Debian's own kernels and busybox, from the user's cache or by apt. A test that needs them is skipped where they cannot be had.</summary>
internal static class DebianPackages
{
    public static KernelPackage Kernel(bool pae)
    {
        string deb = Fetch(pae ? PackageFetcher.PaeKernel : PackageFetcher.Kernel);
        return new KernelCache(PackageFetcherOptions.DefaultCacheFolder()).Get(deb, ModuleOrder.Virtio);
    }

    public static byte[] Busybox()
    {
        using DebFile deb = DebFile.Open(Fetch(PackageFetcher.Busybox));
        return deb.ReadFile("/bin/busybox");
    }

    public static string Fetch(string package)
    {
        Oracle.RequirePlatform(OperatingSystem.IsLinux(), "Linux");
        string? file = null;
        string reason = "";
        try
        {
            file = new PackageFetcher(new PackageFetcherOptions { CacheFolder = PackageFetcherOptions.DefaultCacheFolder() }).Fetch(package);
        }
        catch (LinuxFileException error)
        {
            reason = error.Message;
        }

        Oracle.Require($"Debian's {package}", file is not null, reason, file);
        return file!;
    }
}
