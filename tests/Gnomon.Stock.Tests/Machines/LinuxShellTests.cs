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
