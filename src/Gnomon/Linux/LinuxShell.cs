using System.Globalization;
using System.Text;

namespace Gnomon.Linux;

/// <summary>What a command did in a guest.</summary>
/// <param name="Status">Its exit status.</param>
/// <param name="Output">What it wrote to its output and to its errors.</param>
public readonly record struct ShellResult(int Status, string Output);

/// <summary>A small Linux with a shell, in this process.</summary>
/// <example>
/// <code>
/// using LinuxShell shell = LinuxShell.Boot(LinuxSystem.Fetch());
/// Console.WriteLine(shell.Run("uname -r").Output);
/// </code>
/// </example>
public sealed class LinuxShell : IDisposable
{
    private const string Prompt = "~ # ";

    // No command's output has this in it by chance, and the shell's echo of what is typed shows it cut in two.
    private const string Mark = "gnomon-mark-";

    // The shell of busybox reads lines of a kibibyte at most.
    private const int LongestCommand = 850;

    private readonly TimeSpan _timeout;
    private int _commands;

    private LinuxShell(Machine machine, TimeSpan timeout) => (Machine, _timeout) = (machine, timeout);

    /// <summary>The machine that it runs on.</summary>
    public Machine Machine { get; }

    /// <summary>Boots to a shell.</summary>
    /// <param name="system">What to boot.</param>
    /// <param name="basis">What else the machine is made of; null for the default.</param>
    /// <param name="timeout">How long a boot, or a command, may take; null for two minutes.</param>
    /// <exception cref="TimeoutException">There is no shell in time, or the guest has ended before.</exception>
    public static LinuxShell Boot(LinuxSystem system, MachineOptions? basis = null, TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(system);
        LinuxShell shell = new(Machine.Create(system.Machine(new LinuxGuest { IsQuiet = true }, basis)), timeout ?? TimeSpan.FromMinutes(2));
        try
        {
            shell.RunUntil(Prompt, "no shell", shell._timeout);
            return shell;
        }
        catch
        {
            shell.Dispose();
            throw;
        }
    }

    /// <summary>Runs a command.</summary>
    /// <param name="command">A line for the shell, of 850 bytes at most. It reads no input.</param>
    /// <param name="timeout">How long it may take, in the host's time; null for as long as a boot may.</param>
    /// <exception cref="ArgumentException">It is too long, or more than a line.</exception>
    /// <exception cref="TimeoutException">It is not done in time, or the guest has ended.</exception>
    public ShellResult Run(string command, TimeSpan? timeout = null)
    {
        ArgumentNullException.ThrowIfNull(command);
        if (Encoding.UTF8.GetByteCount(command) > LongestCommand || command.Contains('\n', StringComparison.Ordinal))
        {
            throw new ArgumentException($"A command is one line of at most {LongestCommand} bytes; give longer ones to the guest as a file.", nameof(command));
        }

        string number = (++_commands).ToString(CultureInfo.InvariantCulture);
        string begin = $"{Mark}{number}-begin\n";
        string end = $"{Mark}{number}-end ";
        using MemoryStream written = new();
        Action<ReadOnlyMemory<byte>> keep = bytes => written.Write(bytes.Span);
        Machine.Console.Written += keep;
        try
        {
            TypeAndWait(command, number, end, timeout ?? _timeout);
        }
        finally
        {
            Machine.Console.Written -= keep;
        }

        string output = Encoding.UTF8.GetString(written.ToArray());
        int first = output.IndexOf(begin, StringComparison.Ordinal) + begin.Length;
        int last = output.LastIndexOf(end, StringComparison.Ordinal);
        string status = output[(last + end.Length)..].Split('\n', '\r')[0];
        return new ShellResult(int.Parse(status, CultureInfo.InvariantCulture), output[first..last]);
    }

    /// <inheritdoc/>
    public void Dispose() => Machine.Dispose();

    private void TypeAndWait(string command, string number, string end, TimeSpan timeout)
    {
        Machine.Console.Type($"stty -echo -onlcr; m={Mark}{number}; echo $m-begin; ( {command}\n) </dev/null 2>&1; echo $m-end $?; stty echo onlcr\n");
        RunUntil(end, "no end of the command", timeout);
        RunUntil(Prompt, "no prompt", timeout);
    }

    private void RunUntil(string text, string otherwise, TimeSpan timeout)
    {
        RunStop stop = Machine.Run(new RunLimits { Text = text, Timeout = timeout });
        if (stop != RunStop.Text)
        {
            throw new TimeoutException($"The guest has {otherwise}: {(Machine.End is { } end ? $"{end.Reason}, {end.Text}" : stop)}.");
        }
    }
}
