namespace Gnomon.MachineTests;

/// <summary>The images of guests/bin.</summary>
internal static class GuestFiles
{
    public static byte[] Read(string name) => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "guests", name));

    /// <summary>A machine for one of them, with as much memory as guests/hostile/attacks.txt says.</summary>
    public static MachineOptions Options(string image, string commandLine = "") => new()
    {
        Kernel = Read(image),
        CommandLine = commandLine,
        MemoryMiB = 24,
        Pae = image.EndsWith("-pae", StringComparison.Ordinal),
    };
}
