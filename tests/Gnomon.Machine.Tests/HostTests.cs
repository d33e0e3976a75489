using System.Diagnostics;

namespace Gnomon.MachineTests;

/// <summary>What a machine takes of the host, and gives back: files, memory, threads, time.</summary>
public sealed class HostTests
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData(DiskAccess.ReadWrite)]
    [InlineData(DiskAccess.ReadOnly)]
    [InlineData(DiskAccess.CopyOnWrite)]
    public void Disk_IsUsedAsItsAccessSays(DiskAccess access)
    {
        using TemporaryDisk disk = new(64);
        byte[] before = File.ReadAllBytes(disk.Path);
        DateTime written = File.GetLastWriteTimeUtc(disk.Path);
        using (Machine machine = Machine.Create(GuestFiles.Options("sundial", "disk=yes") with { Disks = [new MachineDisk(disk.Path, access)] }))
        {
            machine.Run();
            Assert.Equal(MachineEndReason.Shutdown, machine.End?.Reason);
            Assert.Contains("disk-write", machine.Console.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("FAILED", machine.Console.Output, StringComparison.OrdinalIgnoreCase);
            Assert.Empty(machine.HostFailures);

            // Exclusive while it may be written.
            if (access == DiskAccess.ReadWrite)
            {
                Assert.ThrowsAny<IOException>(() => Machine.Create(machine.Options).Dispose());
            }
            else
            {
                Machine.Create(machine.Options).Dispose();
            }
        }

        // Sundial puts back what it has written.
        Assert.Equal(before, File.ReadAllBytes(disk.Path));
        Assert.Equal(access == DiskAccess.ReadWrite, File.GetLastWriteTimeUtc(disk.Path) != written);
        File.Delete(disk.Path);
    }

    [Fact]
    public void Disk_ThatShrinksWhileTheGuestRuns_IsOneClearSentence()
    {
        using TemporaryDisk disk = new(64);
        using Machine machine = Machine.Create(GuestFiles.Options("sundial", "disk=yes") with { Disks = [new MachineDisk(disk.Path, DiskAccess.ReadOnly)] });
        List<HostFailure> heard = [];
        machine.HostFailed += heard.Add;
        using (FileStream file = new(disk.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(512);
        }

        machine.Run();
        Assert.NotEmpty(heard);
        Assert.Equal(heard, machine.HostFailures);
        Assert.Equal("virtio-block", heard[0].Device);
        Assert.Matches(@"^\d+ bytes at \d+ could not be read: .+\.$", heard[0].Text);
    }

    [Fact]
    public void Written_ThatFails_IsAFailureOfTheHost()
    {
        using Machine machine = Machine.Create(EchoGuest.Options);
        machine.Console.Written += _ => throw new IOException("no room");
        Assert.Equal(RunStop.WaitsForInput, machine.Run());
        Assert.Equal("virtio-console", Assert.Single(machine.HostFailures).Device);
        Assert.Equal("ready\n", machine.Console.Output);
    }

    [Fact]
    public void TwoMachines_OnTwoThreads_DoNotKnowOfEachOther()
    {
        MachineOptions[] options = [GuestFiles.Options("sundial"), GuestFiles.Options("sundial-pae") with { Paging = PagingOptions.Classic }];
        string[] alone = [.. options.Select(RunToHash)];
        string[] together = new string[options.Length];
        Parallel.For(0, options.Length, i => together[i] = RunToHash(options[i]));
        Assert.Equal(alone, together);
    }

    [Fact]
    public void AHundredMachines_LeaveNothingBehind()
    {
        using TemporaryDisk disk = new(64);
        MachineOptions options = EchoGuest.Options with { Disks = [new MachineDisk(disk.Path)] };
        RunOne(options);
        using Process process = Process.GetCurrentProcess();
        (int threads, int files, long address) before = (process.Threads.Count, OpenFiles(), process.VirtualMemorySize64);
        for (int i = 0; i < 100; i++)
        {
            RunOne(options);
        }

        process.Refresh();
        Assert.InRange(OpenFiles(), 0, before.files + 5);
        Assert.InRange(process.Threads.Count, 0, before.threads + 5);

        // Each reserves some 70 MiB of addresses.
        Assert.InRange(process.VirtualMemorySize64, 0, before.address + (1L << 30));
    }

    [Fact]
    public void RealTime_PassesWhileTheGuestSleeps()
    {
        // Sundial sleeps through its clock ticks; in real time they take as long as they say.
        using Machine machine = Machine.Create(GuestFiles.Options("sundial", "tick=2000") with { RealTime = TimeProvider.System });
        Stopwatch watch = Stopwatch.StartNew();
        machine.Start();
        Assert.Equal(MachineEndReason.Shutdown, machine.WaitForEnd(_patience)?.Reason);
        Assert.InRange(machine.Statistics.Time, TimeSpan.FromMilliseconds(1), watch.Elapsed + TimeSpan.FromSeconds(1));
        Assert.DoesNotContain("FAILED", machine.Console.Output, StringComparison.OrdinalIgnoreCase);
    }

    private static void RunOne(MachineOptions options)
    {
        using Machine machine = Machine.Create(options);
        machine.Start();
        Assert.True(machine.Console.WaitForText("ready", _patience));
    }

    private static string RunToHash(MachineOptions options)
    {
        using Machine machine = Machine.Create(options);
        Assert.Equal(RunStop.Ended, machine.Run());
        return machine.StateHash();
    }

    private static int OpenFiles() => Directory.Exists("/proc/self/fd") ? Directory.GetFileSystemEntries("/proc/self/fd").Length : 0;
}
