using System.Diagnostics;
using System.Text;
using Gnomon.Linux;
using Gnomon.Stock.Tests.Fixture;

namespace Gnomon.Stock.Tests.CommandLine;

/// <summary>A shell on a terminal, which script(1) makes.</summary>
public sealed class TerminalTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    [Fact]
    public void Shell_OnATerminal_TakesKeysRawAndGivesTheTerminalBack()
    {
        string tool = Oracle.Tool("script");
        _ = StockSystem.Of(LinuxFlavour.I686);
        using TemporaryFolder folder = new();
        string program = folder.File("program", Encoding.UTF8.GetBytes(
            $"cd '{folder.Path}'\nstty -a >before\n{GnomonRun.Command} linux 686 --append quiet\necho \"status $?\"\nstty -a >after\n"));
        using Process process = Process.Start(new ProcessStartInfo(tool, ["-qefc", $"sh {program}", "/dev/null"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        Conversation with = new(process);
        try
        {
            with.WaitFor("~ # ");
            with.Type("echo a$((40+2))\r");
            string echoed = with.WaitFor("a42");
            Assert.Equal(1, Count(echoed, "echo a"));
            with.WaitFor("~ # ");

            // The guest's own terminal turns Ctrl-C into a signal; gnomon goes on. Once the word is there the terminal is the child's.
            with.Type("sh -c 'echo sleeps; exec sleep 1000'\r");
            with.WaitFor("\nsleeps");
            with.Type("\u0003");
            with.WaitFor("^C");
            with.WaitFor("~ # ");

            with.Type("\u001dh");
            with.WaitFor("types Ctrl-]");
            with.Type("\u001dq");
            with.WaitFor("status 130");
            Assert.True(process.WaitForExit(_patience));
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }

        Assert.Equal(File.ReadAllText(Path.Combine(folder.Path, "before")), File.ReadAllText(Path.Combine(folder.Path, "after")));
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    private sealed class Conversation
    {
        private readonly Process _process;
        private readonly StringBuilder _text = new();
        private int _from;
        private bool _over;

        public Conversation(Process process)
        {
            _process = process;
            new Thread(Read) { IsBackground = true }.Start();
        }

        public void Type(string keys)
        {
            _process.StandardInput.Write(keys);
            _process.StandardInput.Flush();
        }

        public string WaitFor(string text)
        {
            Stopwatch watch = Stopwatch.StartNew();
            lock (_text)
            {
                while (true)
                {
                    string all = _text.ToString(_from, _text.Length - _from);
                    int at = all.IndexOf(text, StringComparison.Ordinal);
                    if (at >= 0)
                    {
                        _from += at + text.Length;
                        return all[..(at + text.Length)];
                    }

                    Assert.False(_over || watch.Elapsed > _patience, $"no \"{text}\" in:\n{all}");
                    System.Threading.Monitor.Wait(_text, 1000);
                }
            }
        }

        private void Read()
        {
            char[] buffer = new char[4096];
            for (int got = _process.StandardOutput.Read(buffer); got > 0; got = _process.StandardOutput.Read(buffer))
            {
                lock (_text)
                {
                    _text.Append(buffer, 0, got);
                    System.Threading.Monitor.PulseAll(_text);
                }
            }

            lock (_text)
            {
                _over = true;
                System.Threading.Monitor.PulseAll(_text);
            }
        }
    }
}
