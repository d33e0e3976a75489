using System.Diagnostics;
using Gnomon.MachineTests;

namespace Gnomon.Cli.Tests;

/// <summary>A guest's console and the demo on a real (pseudo) terminal: keys, and what is left behind whatever happens.</summary>
public sealed class TerminalTests
{
    private const string Escape = "\\x1d";

    /// <summary>How a run on a terminal may end, and the status that it has then.</summary>
    public static TheoryData<string, int> Ends => new()
    {
        { "type:q", 0 },
        { "type:k", 7 },
        { $"type:{Escape}q", 130 },
        { "kill:TERM", 143 },
        { "kill:HUP", 129 },
        { "kill:INT", 130 },
    };

    [Theory]
    [MemberData(nameof(Ends))]
    public void Run_HoweverItEnds_GivesTheTerminalBackAsItWas(string act, int status)
    {
        using TemporaryFolder folder = new();
        (string result, string _) = OnTerminal("ready", act, "run", "--paravirt", Echo(folder), "--memory", "4");
        Assert.Equal($"changed=True restored=True status={status}", result);
    }

    [Theory]
    [InlineData("type:q", 130)]
    [InlineData("type:\\x03", 130)]
    [InlineData("kill:TERM", 143)]
    [InlineData("none", 0)]
    public void Demo_HoweverItEnds_GivesTheTerminalBackAsItWas(string act, int status)
    {
        (string result, string screen) = OnTerminal("check boot-params ok", act, "demo");
        Assert.Equal($"changed=True restored=True status={status}", result);

        // To the second screen and back, the cursor hidden and shown.
        Assert.Equal(1, Count(screen, "\e[?1049h"));
        Assert.Equal(1, Count(screen, "\e[?1049l"));
        Assert.True(screen.LastIndexOf("\e[?25h", StringComparison.Ordinal) > screen.LastIndexOf("\e[?25l", StringComparison.Ordinal));
        Assert.Contains("What happened", screen[screen.LastIndexOf("\e[?1049l", StringComparison.Ordinal)..], StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_BehindTheEscapeKey_AreCommandsAndOthersInput()
    {
        using TemporaryFolder folder = new();

        // Ctrl-C is input: the guest gets it and answers with it.
        (string result, string screen) = OnTerminal(
            "ready", $"type:{Escape}h{Escape}s{Escape}t\\x03A{Escape}{Escape}B{Escape}p{Escape}p{Escape}x{Escape}q", "run", "--paravirt", Echo(folder), "--memory", "4");
        Assert.EndsWith("status=130", result, StringComparison.Ordinal);
        Assert.Contains("p pauses or goes on", screen, StringComparison.Ordinal);
        Assert.Contains("irq_injections", screen, StringComparison.Ordinal);
        Assert.Contains("linear mode", screen, StringComparison.Ordinal);
        Assert.Contains("gnomon: paused", screen, StringComparison.Ordinal);
        Assert.Contains("gnomon: goes on", screen, StringComparison.Ordinal);
        Assert.DoesNotContain("gnomon: interrupted by", screen, StringComparison.Ordinal);
    }

    [Fact]
    public void Size_OfTheTerminal_IsTheGuests()
    {
        using TemporaryFolder folder = new();
        (string _, string screen) = OnTerminal("ready", $"type:s", "run", "--paravirt", Echo(folder), "--memory", "4", "--timeout", "3");
        Assert.Contains("P\0\u0018\0", screen, StringComparison.Ordinal);
    }

    [Fact]
    public void Pty_IsATerminalThatAnotherProgramOpens()
    {
        using TemporaryFolder folder = new();
        using GuestOnPty guest = new(Echo(folder));
        Assert.Equal("ready\n", guest.Read("ready\n".Length));
        guest.Terminal.Write("hello"u8);

        // Each byte once: the terminal itself echoes nothing.
        Assert.Equal("hello", guest.Read("hello".Length));
        guest.Terminal.Write("q"u8);
        Assert.True(guest.Process.WaitForExit(TimeSpan.FromMinutes(1)));
        Assert.Equal(0, guest.Process.ExitCode);
        Assert.Empty(guest.Process.StandardOutput.ReadToEnd());
    }

    [Fact]
    public async Task Pty_ThatNobodyReads_KeepsTheGuestWaitingForNothing()
    {
        using TemporaryFolder folder = new();
        using GuestOnPty guest = new(Echo(folder));
        byte[] many = new byte[600_000];
        many.AsSpan().Fill((byte)'a');

        // A guest that waits for a reader takes no more keys.
        await Task.Run(() => guest.Terminal.Write(many), TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        for (int attempt = 0; attempt < 200 && !guest.Process.WaitForExit(TimeSpan.FromMilliseconds(100)); attempt++)
        {
            try
            {
                // A command is what stands first in the guest's buffer.
                guest.Terminal.Write("q"u8);
            }
            catch (IOException)
            {
                // The terminal has gone: the guest has heard an earlier one.
            }
        }

        Assert.True(guest.Process.HasExited);
        Assert.Equal(0, guest.Process.ExitCode);
    }

    private static string Echo(TemporaryFolder folder)
    {
        string file = folder.File("echo");
        File.WriteAllBytes(file, EchoGuest.Options.Kernel.ToArray());
        return file;
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    private static (string Result, string Screen) OnTerminal(string wait, string act, params string[] arguments)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "there are no pseudo terminals of this kind");
        ProcessStartInfo start = new(Oracle.Tool("python3")) { RedirectStandardOutput = true, StandardOutputEncoding = System.Text.Encoding.UTF8 };
        foreach (string word in (string[])[Path.Combine(AppContext.BaseDirectory, "terminal.py"), wait, act, .. GnomonProcess.CommandLine, .. arguments])
        {
            start.ArgumentList.Add(word);
        }

        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        string[] parts = output.Split('\n', 2);
        Assert.Equal(2, parts.Length);
        return (parts[0], parts[1]);
    }
}
