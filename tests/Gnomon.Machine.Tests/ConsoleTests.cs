namespace Gnomon.MachineTests;

/// <summary>Input, waiting for text, and the ends of machines that wait.</summary>
public sealed class ConsoleTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    [Fact]
    public void Run_ToAText_StopsThereAndGoesOnBehindIt()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "ready\n" }));
        Assert.Equal(RunStop.WaitsForInput, machine.Run(new RunLimits { Text = "ready\n" }));
        machine.Console.Type("one two");
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "one" }));
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "two" }));
        Assert.Equal("ready\none two", machine.Console.Output);
        Assert.Equal(RunStop.WaitsForInput, machine.Run());
    }

    [Fact]
    public void Type_WhileItRuns_IsAnsweredAndEndsIt()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        machine.Start();
        Assert.True(machine.Console.WaitForText("ready", _patience));
        for (int i = 0; i < 100; i++)
        {
            string text = $"<{i}>";
            machine.Console.Type(text);
            Assert.True(machine.Console.WaitForText(text, _patience));
        }

        Assert.False(machine.Console.WaitForText("no such thing", TimeSpan.FromMilliseconds(20)));
        machine.Console.Type("q");
        MachineEnd? end = machine.WaitForEnd(_patience);
        Assert.Equal((MachineEndReason.Shutdown, "bye"), (end?.Reason, end?.Text));
        Assert.False(machine.Console.WaitForText("no such thing", _patience));
    }

    [Fact]
    public void Type_MoreThanTheDeviceHolds_AllComesBack()
    {
        // Letters that are no command.
        string text = string.Concat(Enumerable.Range(0, 200_000).Select(i => (char)('A' + (i % 26)))) + ".";
        using Machine machine = Machine.Create(EchoGuest.Options);
        machine.Console.Type(text);
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "." }));
        Assert.Equal("ready\n" + text, machine.Console.Output);
        Assert.True(machine.Console.IsInputTaken);
    }

    [Fact]
    public void Halt_WithInputClosed_IsForEver()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        machine.Console.Type("abc");
        machine.Console.CloseInput();
        Assert.Equal(RunStop.Ended, machine.Run());
        Assert.Equal(("ready\nabc", MachineEndReason.HaltedForEver, ""), (machine.Console.Output, machine.End?.Reason, machine.End?.Text));
        Assert.Throws<InvalidOperationException>(() => machine.Console.Type("x"));
    }

    [Fact]
    public void CloseInput_OfAMachineThatWaits_EndsIt()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        machine.Start();
        Assert.True(machine.Console.WaitForText("ready", _patience));
        Assert.Null(machine.WaitForEnd(TimeSpan.FromMilliseconds(50)));
        machine.Console.CloseInput();
        Assert.Equal(MachineEndReason.HaltedForEver, machine.WaitForEnd(_patience)?.Reason);
    }

    [Fact]
    public void WaitForText_OfAMachineThatStands_Throws()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        Assert.Throws<InvalidOperationException>(() => machine.Console.WaitForText("ready", _patience));
        machine.Run();
        Assert.True(machine.Console.WaitForText("ready", TimeSpan.Zero));
    }

    [Fact]
    public void Pause_WhileSomebodyWaitsForText_EndsTheWait()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        machine.Start();
        Task<bool> wait = Task.Run(() => machine.Console.WaitForText("no such thing", _patience));
        while (!wait.IsCompleted)
        {
            machine.Pause();
            Assert.False(machine.IsRunning);
            Thread.Sleep(10);
            if (!wait.IsCompleted)
            {
                machine.Start();
            }
        }

        // Either it was told, or it came when the machine stood.
        Assert.True(wait.IsCompletedSuccessfully ? !wait.Result : wait.Exception?.InnerException is InvalidOperationException);
    }

    [Fact]
    public void Resize_IsSeenByTheGuest()
    {
        using Machine machine = Machine.Create(EchoGuest.Options with { ConsoleSize = (65, 66) });
        machine.Console.Type("s");
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "A\0B\0" }));
        machine.Console.Resize(67, 68);
        machine.Console.Type("s");
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "C\0D\0" }));
        machine.Restart();
        machine.Console.Type("s");
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "C\0D\0" }));
    }

    [Fact]
    public void Restart_OfTheGuestsOwn_BeginsAnew()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "ready" }));
        machine.Console.Type("r");
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "ready" }));
        machine.Console.Type("again");
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "again" }));
        Assert.Equal(1, machine.Statistics.Restarts);
    }

    [Fact]
    public void Restart_ThatIsNotWanted_IsAnEnd()
    {
        using Machine machine = Machine.Create(EchoGuest.Options with { EndsAtRestart = true });
        machine.Console.Type("r");
        Assert.Equal(RunStop.Ended, machine.Run());
        Assert.Equal((MachineEndReason.Restart, "bye"), (machine.End?.Reason, machine.End?.Text));
        machine.Restart();
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "ready" }));
    }

    [Fact]
    public void Output_OfALongRun_KeepsTheLatest()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        string line = new string('A', 62) + "\n";
        int lines = (3 * MachineConsole.HistoryBytes / line.Length) + 1;
        long written = 0;
        machine.Console.Written += bytes => written += bytes.Length;
        machine.Console.Type(string.Concat(Enumerable.Repeat(line, lines)) + "END");
        Assert.Equal(RunStop.Text, machine.Run(new RunLimits { Text = "END" }));
        Assert.Equal("ready\n".Length + ((long)lines * line.Length) + 3, written);
        Assert.InRange(machine.Console.Output.Length, MachineConsole.HistoryBytes, 2 * MachineConsole.HistoryBytes);
        Assert.EndsWith(line + line + "END", machine.Console.Output, StringComparison.Ordinal);
    }
}
