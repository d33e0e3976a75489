using System.Diagnostics;
using System.Text;

namespace Gnomon.Linux.Tests.Qemu;

/// <summary>Runs QEMU without acceleration until the guest ends it, and keeps what its serial port says.</summary>
internal static class QemuMachine
{
    /// <param name="arguments">Besides those for a machine without screen and network.</param>
    /// <param name="seconds">After so long it is ended, and the test fails with what the guest has said.</param>
    /// <param name="conversation">For a shell: what to wait for and what to type then.</param>
    public static string Run(IEnumerable<string> arguments, int seconds, params (string Prompt, string Answer)[] conversation)
    {
        ProcessStartInfo start = new(
            Oracle.Tool("qemu-system-i386"),
            ["-machine", "pc,accel=tcg", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        Task<string> output = Task.Run(() => Converse(process, conversation));
        bool ended = output.Wait(TimeSpan.FromSeconds(seconds)) && process.WaitForExit(10_000);
        if (!ended)
        {
            process.Kill();
        }

        string text = output.GetAwaiter().GetResult();
        Assert.True(ended, $"QEMU did not end in {seconds} s. {errors.GetAwaiter().GetResult()}\n{text}");
        Assert.True(process.ExitCode == 0, $"QEMU ended with {process.ExitCode}: {errors.GetAwaiter().GetResult()}\n{text}");
        return text;
    }

    private static string Converse(Process process, (string Prompt, string Answer)[] conversation)
    {
        StringBuilder text = new();
        char[] buffer = new char[4096];
        int next = 0;
        int from = 0;
        for (int read = process.StandardOutput.Read(buffer); read > 0; read = process.StandardOutput.Read(buffer))
        {
            text.Append(buffer, 0, read);
            if (next < conversation.Length && text.ToString(from, text.Length - from).Contains(conversation[next].Prompt, StringComparison.Ordinal))
            {
                from = text.Length;
                process.StandardInput.Write(conversation[next++].Answer);
                process.StandardInput.Flush();
            }
        }

        return text.ToString().Replace("\r", "", StringComparison.Ordinal);
    }
}
