using Gnomon.Linux;
using Gnomon.Stock.Tests.Fixture;

namespace Gnomon.Stock.Tests.CommandLine;

/// <summary>What cannot be run is one clear sentence and the documented status, and leaves nothing behind.</summary>
public sealed class BadInputTests
{
    private const int Bad = 2;
    private const int InputOutput = 3;
    private const int Killed = 7;

    [Theory]
    [InlineData(2, "no kernel \"786\"", "linux 786")]
    [InlineData(2, "--deb says which kernel", "linux 686 --deb x.deb")]
    [InlineData(2, "--refresh goes with", "linux --deb x.deb --refresh")]
    [InlineData(2, "a number from 32 to", "linux --memory 1")]
    [InlineData(2, "--mmu", "linux --mmu none")]
    [InlineData(2, "--trace goes with shadow tables only", "linux --mmu nested --trace t")]
    [InlineData(2, "missing.deb cannot be read", "linux --deb {0}/missing.deb --busybox-deb {0}/missing.deb")]
    [InlineData(2, "text.deb", "linux --deb {0}/text.deb --busybox-deb {0}/text.deb")]
    [InlineData(3, "missing.sh does not exist", "linux --script {0}/missing.sh")]
    [InlineData(2, "does not say where the file goes", "linux --file {0}/text.deb")]
    [InlineData(2, "missing cannot be read", "linux --file {0}/missing=/root/x")]
    public void Linux_BadCommandLine_OneSentence(int status, string sentence, string line)
    {
        using TemporaryFolder folder = new();
        folder.File("text.deb", "this is no package\n"u8);
        Ended ended = GnomonRun.Run([.. line.Split(' ').Select(word => word.Replace("{0}", folder.Path, StringComparison.Ordinal))]);
        AssertOneSentence(ended, status, sentence);
    }

    [Theory]
    [InlineData("proc/self", "linux --file {0}/f=relative")]
    [InlineData("..", "linux --file {0}/f=/root/../../etc/x")]
    public void Linux_FileToAnImpossiblePlace_OneSentence(string what, string line)
    {
        _ = StockSystem.Of(LinuxFlavour.I686Pae);
        using TemporaryFolder folder = new();
        folder.File("f", "x"u8);
        Ended ended = GnomonRun.Run([.. line.Split(' ').Select(word => word.Replace("{0}", folder.Path, StringComparison.Ordinal)), "--max-instructions", "1"]);
        Assert.True(what.Length > 0);
        AssertOneSentence(ended, Bad, "");
    }

    [Fact]
    public void Linux_PlacesThatCannotBeWritten_AreSaidBeforeTheRun()
    {
        _ = StockSystem.Of(LinuxFlavour.I686Pae);
        using TemporaryFolder folder = new();
        string file = folder.File("file", "x"u8);
        string script = folder.File("s.sh", "exit 0\n"u8);
        AssertOneSentence(GnomonRun.Run("linux", "--out", $"{file}/sub", "--script", script), InputOutput, "cannot be written");
        AssertOneSentence(GnomonRun.Run("linux", "--console", $"{file}/sub"), InputOutput, "cannot be written");
        AssertOneSentence(GnomonRun.Run("linux", "--trace", $"{file}/sub"), InputOutput, "cannot be written");
        AssertOneSentence(GnomonRun.Run("linux", "--disk", $"{folder.Path}/missing.img", "--script", script), InputOutput, "missing.img");
    }

    [Fact]
    public void Linux_FullDiskUnderTheConsole_EndsTheRun()
    {
        Oracle.RequirePlatform(File.Exists("/dev/full"), "/dev/full");
        _ = StockSystem.Of(LinuxFlavour.I686Pae);
        AssertOneSentence(GnomonRun.Run("linux", "--console", "/dev/full"), InputOutput, "/dev/full cannot be written");
    }

    [Fact]
    public void Linux_WithoutAptAndOffline_SaysWhatToDo()
    {
        Oracle.RequirePlatform(OperatingSystem.IsLinux(), "Linux");
        using TemporaryFolder folder = new();
        string cache = Path.Combine(folder.Path, "cache");
        string host = Environment.GetEnvironmentVariable("DOTNET_ROOT") ?? "/usr/share/dotnet";
        AssertOneSentence(GnomonRun.Run([("PATH", host), ("XDG_CACHE_HOME", cache)], "linux"), Bad, "has no apt-get; download the i386 package");

        string wall = folder.File("file", "x"u8);
        AssertOneSentence(GnomonRun.Run([("XDG_CACHE_HOME", wall)], "linux"), Bad, "The cache folder");
    }

    [Theory]
    [InlineData("text", "")]
    [InlineData("elf64", "64")]
    [InlineData("cut", "")]
    public void Run_WhatIsNoKernel_OneSentence(string what, string sentence)
    {
        using TemporaryFolder folder = new();
        byte[] bytes = what == "text" ? "this is no kernel, and never was one\n"u8.ToArray()
            : what == "elf64" ? [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1, 1, .. new byte[9], 2, 0, 62, 0, .. new byte[200]]
            : StockSystem.Of(LinuxFlavour.I686).Kernel.Vmlinuz[..100_000].ToArray();
        AssertOneSentence(GnomonRun.Run("run", folder.File("kernel", bytes)), Bad, sentence);
    }

    [Fact]
    public void Linux_TripleFault_IsSaidWithThePlaceAndTheLastFaults()
    {
        _ = StockSystem.Of(LinuxFlavour.I686);
        using TemporaryFolder folder = new();
        string script = folder.File("s.sh", "reboot -f\n"u8);

        // Linux takes its interrupt table away then, and makes an exception.
        Ended ended = GnomonRun.Run("linux", "686", "--script", script, "--append", "reboot=t");
        AssertOneSentence(ended, Killed, "the guest was killed at 0xc");
        Assert.Contains("triple fault: the guest's own handlers cannot be reached any more", ended.Complaint, StringComparison.Ordinal);
        Assert.Contains("last page faults:", ended.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_DamagedRamDisk_EndsAtTheKernelsPanic()
    {
        using TemporaryFolder folder = new();
        string kernel = folder.File("kernel", StockSystem.Of(LinuxFlavour.I686).Kernel.Vmlinuz.Span);
        string garbage = folder.File("initrd", [.. Enumerable.Range(0, 50_000).Select(i => (byte)((i * 7) ^ (i >> 3)))]);
        Ended ended = GnomonRun.Run("run", kernel, "--memory", "128", "--initrd", garbage, "--no-restart", "--append", LinuxSystem.CommandLine);
        Assert.Equal(9, ended.Status);
        Assert.Contains("its kernel panicked, VFS: Unable to mount root fs", ended.Complaint, StringComparison.Ordinal);
    }

    private static void AssertOneSentence(Ended ended, int status, string sentence)
    {
        Assert.True(ended.Status == status, $"{ended}");
        Assert.StartsWith("gnomon: ", ended.Complaint, StringComparison.Ordinal);
        Assert.Contains(sentence, ended.Complaint, StringComparison.Ordinal);
        Assert.DoesNotContain("error of Gnomon itself", ended.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Error, StringComparison.Ordinal);
    }
}
