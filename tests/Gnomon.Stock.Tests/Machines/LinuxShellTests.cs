using Gnomon.Linux;
using Gnomon.Stock.Tests.Fixture;

namespace Gnomon.Stock.Tests.Machines;

/// <summary>A Linux with a shell in this process.</summary>
public sealed class LinuxShellTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    [Fact]
    public void Run_Commands_GiveStatusAndOutput()
    {
        LinuxSystem system = StockSystem.Of(LinuxFlavour.I686);
        using LinuxShell shell = LinuxShell.Boot(system, timeout: _patience);
        Assert.Equal(new ShellResult(0, system.Kernel.Release + "\n"), shell.Run("uname -r"));
        Assert.Equal(new ShellResult(7, ""), shell.Run("exit 7"));
        Assert.Equal(new ShellResult(1, "to errors\n"), shell.Run("echo to errors >&2; false"));
        Assert.Equal(new ShellResult(127, "sh: no-such-program: not found\n"), shell.Run("no-such-program"));
        Assert.Equal("no newline", shell.Run("printf 'no newline'").Output);
        Assert.Equal(Enumerable.Range(1, 5000).Sum(i => $"{i}".Length + 1), shell.Run("seq 5000").Output.Length);
        Assert.Equal("öäü ~ # \n", shell.Run("echo 'öäü ~ # '").Output);
        Assert.Equal(0, shell.Run("cat").Status);
        Assert.Equal(new ShellResult(139, ""), shell.Run("sh -c 'kill -SEGV $$'") with { Output = "" });
        Assert.Throws<ArgumentException>(() => shell.Run("one\ntwo"));
        Assert.Throws<ArgumentException>(() => shell.Run(new string('x', 2000)));
        Assert.Equal("still here\n", shell.Run("echo still here").Output);
    }

    [Fact]
    public async Task Two_OnTwoThreads_DoNotDisturbEachOther()
    {
        LinuxSystem[] systems = [StockSystem.Of(LinuxFlavour.I686), StockSystem.Of(LinuxFlavour.I686Pae)];
        Task<string>[] shells = [.. systems.Select((system, number) => Task.Factory.StartNew(
            () =>
            {
                using LinuxShell shell = LinuxShell.Boot(system, timeout: _patience);
                shell.Run($"echo {number} >/tmp/number");
                return string.Concat(Enumerable.Range(0, 5).Select(_ => shell.Run("uname -r; cat /tmp/number").Output));
            },
            TaskCreationOptions.LongRunning))];
        for (int i = 0; i < shells.Length; i++)
        {
            string once = $"{systems[i].Kernel.Release}\n{i}\n";
            Assert.Equal(string.Concat(Enumerable.Repeat(once, 5)), await shells[i]);
        }
    }

    [Fact]
    public void Run_CommandThatTakesTooLong_IsATimeout()
    {
        using LinuxShell shell = LinuxShell.Boot(StockSystem.Of(LinuxFlavour.I686), timeout: _patience);
        TimeoutException error = Assert.Throws<TimeoutException>(() => shell.Run("while :; do :; done", TimeSpan.FromSeconds(2)));
        Assert.Contains("no end of the command: Timeout", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Disk_ThatVanishes_IsAnErrorForTheGuestAndIsNamed()
    {
        using TemporaryFolder folder = new();
        string disk = folder.File("disk", new byte[8 << 20]);
        using LinuxShell shell = LinuxShell.Boot(
            StockSystem.Of(LinuxFlavour.I686),
            new MachineOptions { Kernel = default, MemoryMiB = LinuxGuest.DefaultMemoryMiB, Disks = [new MachineDisk(disk, DiskAccess.CopyOnWrite)] },
            _patience);
        Assert.Equal(0, shell.Run("dd if=/dev/vda of=/dev/null bs=4k count=1 2>/dev/null").Status);
        using (FileStream file = new(disk, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(0);
        }

        ShellResult after = shell.Run("dd if=/dev/vda of=/dev/null bs=4k count=1 skip=1500");
        Assert.Equal(1, after.Status);
        Assert.Contains("I/O error", after.Output, StringComparison.OrdinalIgnoreCase);
        Assert.Contains(shell.Machine.HostFailures, failure => failure.Text.Contains(disk, StringComparison.Ordinal));
        Assert.Equal("goes on\n", shell.Run("echo goes on").Output);
    }

    [Fact]
    public void Sample_OfTheReadme_PrintsReleaseAndStatus()
    {
        string release = StockSystem.Of(LinuxFlavour.I686Pae).Kernel.Release;
        using StringWriter output = new() { NewLine = "\n" };
        Docs.Tests.Samples.FirstLinux.Run(output);
        Assert.Equal($"{release}\n/proc/1\nstatus 1\nevery invariant of the shadow tables holds\n", output.ToString());
    }

    [Theory]
    [InlineData("poweroff -f", "Shutdown")]
    [InlineData("reboot -f", "Restart")]
    [InlineData("echo c >/proc/sysrq-trigger", "Restart")]
    public void Run_CommandThatEndsTheGuest_SaysHow(string command, string reason)
    {
        using LinuxShell shell = LinuxShell.Boot(StockSystem.Of(LinuxFlavour.I686), timeout: _patience);
        TimeoutException error = Assert.Throws<TimeoutException>(() => shell.Run(command));
        Assert.Contains($"no end of the command: {reason}", error.Message, StringComparison.Ordinal);
        Assert.Equal(reason, shell.Machine.End?.Reason.ToString());
    }
}
