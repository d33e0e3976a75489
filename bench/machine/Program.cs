using System.CommandLine;
using System.Globalization;
using Gnomon.Bench.Machine;
using Gnomon.Linux;

Option<int> runs = new("--runs") { Description = "Runs of each machine; medians are printed.", DefaultValueFactory = _ => 3 };
Option<string?> kernel = new("--kernel") { Description = "One kernel: 686 or 686-pae. Both by default." };
Option<string[]> only = new("--only") { Description = "Only machines of these names, as the table has them. Several are possible.", AllowMultipleArgumentsPerToken = true };
Option<string?> workload = new("--workload") { Description = "Another script; its parts begin and end with lines `begin NAME` and `end NAME`." };
Option<bool> asJson = new("--json") { Description = "Print JSON." };
Option<int> limit = new("--timeout") { Description = "Seconds after which a run is given up.", DefaultValueFactory = _ => 600 };
kernel.AcceptOnlyFromAmong("686", "686-pae");
RootCommand command = new("Boots one stock kernel with one workload on Gnomon, QEMU (TCG) and v86, and compares.") { runs, kernel, only, workload, asJson, limit };
command.SetAction(parsed =>
{
    string root = Root();
    string cache = Path.Combine(root, "artifacts", "bench-machine");
    Directory.CreateDirectory(cache);
    Tools tools = Tools.Find(root, cache);
    string script = parsed.GetValue(workload) ?? Path.Combine(root, "bench", "machine", "parts.sh");
    string[] wanted = parsed.GetValue(only) ?? [];
    Report report = new();
    double before = Load();
    foreach (LinuxFlavour flavour in new[] { LinuxFlavour.I686, LinuxFlavour.I686Pae })
    {
        if (parsed.GetValue(kernel) is { } name && name != Guest.NameOf(flavour))
        {
            continue;
        }

        Guest guest = Guest.Prepare(flavour, script, cache);
        Contender[] machines = [.. Contender.All(guest, tools)
            .Where(machine => wanted.Length == 0 || wanted.Contains(machine.Name))];

        // One after another, and all of them again: what else the host does meanwhile hits all alike.
        for (int run = 0; run < parsed.GetValue(runs); run++)
        {
            foreach (Contender machine in machines)
            {
                Console.Error.WriteLine($"{guest.Name}: {machine.Name}, run {run + 1} of {parsed.GetValue(runs)}");
                try
                {
                    var parts = MachineRun.Run(machine, TimeSpan.FromSeconds(parsed.GetValue(limit)));
                    report.Add(guest.Name, machine.Name, parts);

                    // At once, so that a comparison that is broken off has not been for nothing.
                    Console.Error.WriteLine(string.Join(", ", parts.Select(part =>
                        string.Create(CultureInfo.InvariantCulture, $"{part.Part} {part.Took.Wall:F2} ({part.Took.Cpu:F2})"))));
                }
                catch (BenchException error)
                {
                    Console.Error.WriteLine(error.Message);
                }
            }
        }
    }

    (double, double) load = (before, Load());
    if (parsed.GetValue(asJson))
    {
        Console.WriteLine(report.ToJson(load));
    }
    else
    {
        Console.WriteLine("Wall seconds and, in brackets, seconds of the host's processors; medians.");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"The host has {Environment.ProcessorCount} processors; load {load.Item1:F1} before, {load.Item2:F1} after."));
        Console.WriteLine();
        Console.Write(report.ToText());
    }
});
Command forks = new("forks", "Compares the ways to translate a guest's addresses by what a fork and exec costs.") { runs };
forks.SetAction(parsed =>
{
    try
    {
        ForkComparison.Print(Console.Out, Math.Max(1, parsed.GetValue(runs)));
        return 0;
    }
    catch (BenchException error)
    {
        Console.Error.WriteLine(error.Message);
        return 1;
    }
});
command.Add(forks);
return command.Parse(args).Invoke();

static string Root()
{
    DirectoryInfo? folder = new(AppContext.BaseDirectory);
    while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Gnomon.slnx")))
    {
        folder = folder.Parent;
    }

    return folder?.FullName ?? throw new InvalidOperationException("The repository is not around the program.");
}

// proc(5): the first field is the load average of the last minute.
static double Load() => File.Exists("/proc/loadavg") ? double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture) : 0;
