using System.Security.Cryptography;
using Gnomon.Memory;
using Gnomon.Monitor;
using Gnomon.Shadow;

namespace Gnomon.Guests.Tests.Monitored;

/// <summary>Guests that share a host: none of them sees what another does, and each gives back what it had.</summary>
public sealed class NeighbourTests
{
    private const ulong Instructions = 20_000_000;
    private const ulong PartOfTheWay = 1_500_000;
    private const int DiskBytes = 64 * 512;

    [Theory]
    [InlineData("hostile", Coherence.Notified)]
    [InlineData("hostile", Coherence.Watched)]
    [InlineData("hostile-pae", Coherence.Notified)]
    [InlineData("hostile-pae", Coherence.Lazy)]
    public void Attack_BesideANeighbour_LeavesNothingBehind(string image, Coherence coherence)
    {
        using MonitoredHost host = new(160);
        int empty = host.Memory.FramesInUse;
        string expected;
        using (MonitoredMachine alone = Sundial(host))
        {
            alone.Guest.Run(4 * Instructions);
            expected = alone.Console;
        }

        Assert.Equal(empty, host.Memory.FramesInUse);
        using (MonitoredMachine neighbour = Sundial(host))
        {
            Assert.Equal(GuestStopReason.Budget, neighbour.Guest.Run(PartOfTheWay).Reason);
            string before = Content(neighbour);
            int frames = host.Memory.FramesInUse;
            foreach (Attack attack in AttackTable.All.Values)
            {
                using (MonitoredMachine hostile = new(
                    GuestImage.Bytes(image), image.EndsWith("-pae", StringComparison.Ordinal), "attack=" + attack.Name, shadow: new ShadowOptions { Coherence = coherence }, host: host))
                {
                    GuestStop stop = hostile.Guest.Run(Instructions);
                    Assert.True(stop.Reason is GuestStopReason.Killed or GuestStopReason.Halted or GuestStopReason.Shutdown, $"{attack.Name}: {stop}");
                    Assert.DoesNotContain("BREACH", stop.Text, StringComparison.Ordinal);

                    // A guest that changes the mapping it works through is told at once only where its stores are heard.
                    Assert.True(
                        coherence != Coherence.Notified
                            || attack.Allows(stop.Reason == GuestStopReason.Killed, stop.Reason == GuestStopReason.Halted, stop.Text),
                        $"{attack.Name}: {stop}; expected {string.Join(" or ", attack.Ends)}");
                }

                Assert.True(frames == host.Memory.FramesInUse, $"{attack.Name}: {host.Memory.FramesInUse} frames, {frames} before");
                Assert.True(before == Content(neighbour), $"{attack.Name}: the neighbour has changed");
            }

            Assert.Null(neighbour.Guest.Mmu.Audit());
            Assert.Equal(GuestStopReason.Shutdown, neighbour.Guest.Run(4 * Instructions).Reason);
            Assert.Equal(expected, neighbour.Console);
        }

        Assert.Equal(empty, host.Memory.FramesInUse);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Machines_OnTwoThreads_EachSayTheSame(bool share)
    {
        using MonitoredHost first = new(200);
        using MonitoredHost second = new(200);
        int empty = first.Memory.FramesInUse;
        using Barrier barrier = new(2);
        string[] consoles = await Task.WhenAll(
            Task.Factory.StartNew(() => RunThrice(first, 0, barrier), TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default),
            Task.Factory.StartNew(() => RunThrice(share ? first : second, 1, barrier), TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default));
        Assert.Equal(consoles[0], consoles[1]);
        Assert.EndsWith("checks ok\n", consoles[0], StringComparison.Ordinal);
        Assert.Equal(empty, first.Memory.FramesInUse);
    }

    private static string RunThrice(MonitoredHost host, int hostCpu, Barrier barrier)
    {
        List<string> consoles = [];
        for (int run = 0; run < 3; run++)
        {
            barrier.SignalAndWait(TimeSpan.FromMinutes(1));
            using MonitoredMachine machine = Sundial(host);
            machine.Guest.HostCpu = hostCpu;
            Assert.Equal(GuestStopReason.Shutdown, machine.Guest.Run(4 * Instructions).Reason);
            Assert.Null(machine.Guest.Mmu.Audit());
            consoles.Add(machine.Console);
        }

        return Assert.Single(consoles.Distinct());
    }

    private static MonitoredMachine Sundial(MonitoredHost host) =>
        new(GuestImage.Bytes("sundial-pae"), true, "processes=3 forks=4 pages=12", new byte[DiskBytes], host: host);

    // What the guest's memory holds, which frames hold it and how often they are counted.
    private static string Content(MonitoredMachine machine)
    {
        GuestMemory memory = machine.Guest.Memory;
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] page = new byte[PageSize.Bytes];
        for (uint number = 0; number < memory.PageCount; number++)
        {
            GuestPage state = memory.Page(new Gfn(number));
            if ((state.Flags & GuestPageState.Present) != 0)
            {
                Assert.Equal(PageStatus.Ok, memory.Read(new Gpa((ulong)number << PageSize.Shift), page));
                hash.AppendData(page);
                hash.AppendData(BitConverter.GetBytes(state.Frame.Value));
                hash.AppendData(BitConverter.GetBytes(memory.Host.References(state.Frame)));
            }
        }

        return Convert.ToHexString(hash.GetHashAndReset());
    }
}
