using System.Diagnostics;
using Gnomon.Linux;

namespace Gnomon.Bench.Machine;

/// <summary>A moment of a run.</summary>
/// <param name="Wall">Seconds since the program was started, when the host read the line.</param>
/// <param name="Cpu">Seconds of the host's processors that the program had used until then; 0 where the host does not say.</param>
internal readonly record struct Moment(double Wall, double Cpu)
{
    public static Moment operator -(Moment left, Moment right) => new(left.Wall - right.Wall, left.Cpu - right.Cpu);
}

/// <summary>Boots the guest on one machine, once.</summary>
internal static class MachineRun
{
    /// <summary>The part from the program's start to the guest's first own program.</summary>
    public const string Boot = "to the first program";

    /// <summary>The part from the program's start to the end of the workload.</summary>
    public const string Total = "in total";

    private const int TicksPerSecond = 100;

    /// <summary>Runs it.</summary>
    /// <param name="contender">The machine.</param>
    /// <param name="limit">It is ended after so long.</param>
    /// <returns>What each part took, in the order in which they ended.</returns>
    /// <exception cref="BenchException">The guest did not come to its end.</exception>
    public static IReadOnlyList<(string Part, Moment Took)> Run(Contender contender, TimeSpan limit)
    {
        using Process process = new()
        {
            StartInfo = new ProcessStartInfo(contender.File, contender.Arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
        };
        List<(string Part, Moment Took)> parts = [];
        Dictionary<string, Moment> begun = [];
        List<string> said = [];
        Stopwatch watch = Stopwatch.StartNew();
        process.Start();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        using Timer timer = new(_ => Kill(process), null, limit, Timeout.InfiniteTimeSpan);
        bool done = false;
        while (!done && process.StandardOutput.ReadLine() is { } text)
        {
            string line = text.TrimEnd('\r');
            said.Add(line);
            done = line.StartsWith(LinuxInitramfs.StatusMarker, StringComparison.Ordinal);
            Note(line, done);
        }

        Kill(process);
        process.WaitForExit();
        return done && parts.Count > 2
            ? parts
            : throw new BenchException($"{contender.Name} did not come to the end of the workload. {errors.GetAwaiter().GetResult()}\n{string.Join('\n', said.TakeLast(20))}");

        void Note(string line, bool isEnd)
        {
            Moment now = new(watch.Elapsed.TotalSeconds, CpuSeconds(process.Id));
            if (isEnd)
            {
                parts.Add((Total, now));
            }
            else if (line == Guest.FirstProgram)
            {
                parts.Add((Boot, now));
            }
            else if (line.StartsWith("begin ", StringComparison.Ordinal))
            {
                begun[line[6..]] = now;
            }
            else if (line.StartsWith("end ", StringComparison.Ordinal) && begun.TryGetValue(line[4..], out Moment start))
            {
                parts.Add((line[4..], now - start));
            }
        }
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill();
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }

    // proc(5): fields 14 and 15, user and system time in ticks, counted behind the program's name in brackets.
    private static double CpuSeconds(int id)
    {
        try
        {
            string status = File.ReadAllText($"/proc/{id}/stat");
            string[] fields = status[(status.LastIndexOf(')') + 2)..].Split(' ');
            return (double)(long.Parse(fields[11], null) + long.Parse(fields[12], null)) / TicksPerSecond;
        }
        catch (IOException)
        {
            return 0;
        }
    }
}
