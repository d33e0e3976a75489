using System.CommandLine;
using Gnomon.Cli.Benchmarks.Fork;
using Gnomon.Traces;

namespace Gnomon.Cli.Commands;

internal sealed class ForkBenchCommand
{
    public static Command Create(CliConsole console)
    {
        NotedCommand command = new("fork", "Measure what fork and exec cost.", "");
        command.SetAction(_ =>
        {
            foreach (TraceFormat f in (TraceFormat[])[TraceFormat.TwoLevel, TraceFormat.Pae])
            {
                foreach (ForkPolicy p in (ForkPolicy[])[ForkPolicy.Classic, ForkPolicy.Default])
                {
                    var a = SundialRun.Count(f, p, "loop=fork:20");
                    var b = SundialRun.Count(f, p, "loop=fork:120");
                    console.Output.WriteLine($"{f} {p.Name} {b.Per(a, 100)}");
                    double t1 = SundialRun.Time(f, p, "loop=fork:20"), t2 = SundialRun.Time(f, p, "loop=fork:420");
                    t1 = SundialRun.Time(f, p, "loop=fork:20"); t2 = SundialRun.Time(f, p, "loop=fork:420");
                    console.Output.WriteLine($"   {(t2 - t1) / 400} us");
                    foreach (int n in (int[])[1, 4, 16, 64])
                    {
                        a = SundialRun.Count(f, p, $"loop=kernel:20 processes={n} tick=1000000");
                        b = SundialRun.Count(f, p, $"loop=kernel:120 processes={n} tick=1000000");
                        console.Output.WriteLine($"{n} {f} {p.Name} {b.Per(a, 100)}");
                    }
                    console.Output.Flush();
                }
            }

            return 0;
        });
        return command;
    }
}
