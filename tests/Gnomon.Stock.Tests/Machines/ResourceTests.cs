using System.Diagnostics;
using Gnomon.Linux;
using Gnomon.Stock.Tests.Fixture;

namespace Gnomon.Stock.Tests.Machines;

/// <summary>What machines leave behind in their process: nothing.</summary>
public sealed class ResourceTests
{
    private const long AllowanceMiB = 64;

    [Fact]
    public void Machines_MadeRunAndDisposed_LeaveNoFileThreadOrMapping()
    {
        Oracle.RequirePlatform(OperatingSystem.IsLinux(), "Linux");
        using TemporaryFolder folder = new();
        string disk = folder.File("disk", new byte[1 << 20]);
        MachineOptions options = StockSystem.Of(LinuxFlavour.I686).Machine(null, new MachineOptions
        {
            Kernel = default,
            MemoryMiB = 64,
            Disks = [new MachineDisk(disk, DiskAccess.CopyOnWrite)],
        });
        for (int i = 0; i < 5; i++)
        {
            RunOne(options);
        }

        (int files, int threads, long memory) = Counts();
        for (int i = 0; i < 100; i++)
        {
            RunOne(options);
        }

        (int filesAfter, int threadsAfter, long memoryAfter) = Counts();
        Assert.DoesNotContain(Directory.GetFiles("/proc/self/fd"), file => new FileInfo(file).LinkTarget == disk);
        Assert.True(filesAfter <= files + 3, $"{files} open files, then {filesAfter}");
        Assert.True(threadsAfter <= threads + 5, $"{threads} threads, then {threadsAfter}");
        Assert.True(memoryAfter <= memory + (AllowanceMiB << 20), $"{memory >> 20} MiB, then {memoryAfter >> 20}");
    }

    private static void RunOne(MachineOptions options)
    {
        using Machine machine = Machine.Create(options);
        Assert.Equal(RunStop.Instructions, machine.Run(new RunLimits { Instructions = 1_000_000 }));
        Assert.True(machine.Statistics.FramesInUse > 0);
    }

    // Unmanaged memory that machines have left counts; what the garbage collector keeps for later does not.
    private static (int Files, int Threads, long Bytes) Counts()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        using Process self = Process.GetCurrentProcess();
        return (Directory.GetFiles("/proc/self/fd").Length, self.Threads.Count, self.WorkingSet64);
    }
}
