using System.Diagnostics;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Model.Tests.Threads;

/// <summary>Virtual CPUs race on one guest's tables while the host takes its pages, and another guest gets their frames.</summary>
public sealed class RaceTests
{
    private static int Milliseconds => TestSettings.Full ? 20_000 : 1_700;

    public static TheoryData<bool, Coherence, int> Rows { get; } = new()
    {
        { false, Coherence.Notified, 2 },
        { true, Coherence.Notified, 4 },
        { false, Coherence.Watched, 3 },
        { true, Coherence.Watched, 2 },
        { false, Coherence.Lazy, 4 },
        { true, Coherence.Lazy, 3 },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public void CpusRaceWithReclaim_AnyCoherence_InvariantsHoldAtQuietPoints(bool pae, Coherence coherence, int cpus)
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("GNOMON_SEED"), out int given) ? given : Environment.TickCount & 0xFFFF;
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        using HostMemory host = new(2);
        using (RacedGuest guest = new(host, pae, coherence, cpus))
        using (Neighbour neighbour = new(host))
        using (Race race = new(cpus))
        {
            VirtualCpu[] threads = [.. Enumerable.Range(0, cpus).Select(cpu => new VirtualCpu(guest, race, cpu, seed + cpu))];
            Array.ForEach(threads, cpu => race.Start(cpu.Run));
            race.Start(() => Reclaim(guest, race, new Random(seed + 100)));
            race.Start(() => Move(neighbour, race, new Random(seed + 200)));
            int quiet = RunFor(race, guest, neighbour, threads);
            race.Stop();
            Assert.True(race.Failure is null, $"seed {seed}: {race.Failure}");
            Assert.True(quiet > 2, $"only {quiet} quiet points");
            Assert.All(threads, cpu => Assert.True(cpu.Accesses > 100, $"a virtual CPU did only {cpu.Accesses} accesses"));
            Assert.Contains(threads, cpu => cpu.Dropped > 0);
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{threads.Sum(cpu => cpu.Accesses)} accesses, {threads.Sum(cpu => cpu.Dropped)} translations shot down, "
                + $"{guest.Mmu.Statistics.Retries} walks begun again, {neighbour.Rounds} frames moved, {quiet} quiet points");
        }

        Assert.Equal(0, host.FramesInUse);
    }

    private static int RunFor(Race race, RacedGuest guest, Neighbour neighbour, VirtualCpu[] threads)
    {
        Stopwatch clock = Stopwatch.StartNew();
        int quiet = 0;
        bool Enough() => quiet > 2 && threads.All(cpu => cpu.Accesses > 100);
        while (race.IsRunning && (clock.ElapsedMilliseconds < Milliseconds || (!Enough() && clock.ElapsedMilliseconds < Milliseconds + 60_000)))
        {
            Thread.Sleep(25);
            race.Quietly(() =>
            {
                lock (guest.Memory.Gate)
                {
                    string? broken = guest.Mmu.Audit();
                    Assert.True(broken is null, broken);
                    Assert.Null(guest.Mmu.KillReason);
                }

                neighbour.CheckAll();
                quiet++;
            });
        }

        return quiet;
    }

    // The host: takes pages, tables too, trims, and now and then makes a copy that must stay what it was.
    private static void Reclaim(RacedGuest guest, Race race, Random random)
    {
        while (race.IsRunning)
        {
            lock (guest.Memory.Gate)
            {
                int what = random.Next(40);
                if (what == 0)
                {
                    guest.Mmu.Trim(3);
                }
                else
                {
                    uint page = what < 4 ? (uint)random.Next(1, 5) : RacedGuest.FirstData + (uint)random.Next(RacedGuest.DataPages);
                    PageStatus status = guest.Memory.Reclaim(new Gfn(page));
                    if (status is not (PageStatus.Ok or PageStatus.Busy))
                    {
                        throw new InvalidOperationException($"page {page} could not be taken: {status}");
                    }
                }
            }

            if (random.Next(200) == 0)
            {
                Copy(guest);
            }

            race.PauseIfAsked();
            Thread.SpinWait(200);
        }
    }

    private static void Copy(RacedGuest guest)
    {
        GuestMemory? copy;
        lock (guest.Memory.Gate)
        {
            PageStatus status = guest.Memory.Share(out copy);
            if (status != PageStatus.Ok)
            {
                throw new InvalidOperationException($"the guest could not be copied: {status}");
            }
        }

        byte[] before = new byte[RacedGuest.DataPages * PageSize.Bytes];
        byte[] after = new byte[before.Length];
        copy!.Read(new Gfn(RacedGuest.FirstData).Address, before);
        Thread.Yield();
        copy.Read(new Gfn(RacedGuest.FirstData).Address, after);
        copy.Dispose();
        if (!before.AsSpan().SequenceEqual(after))
        {
            throw new InvalidOperationException("a copy changed while its guest ran: a right to write outlived the copying");
        }
    }

    private static void Move(Neighbour neighbour, Race race, Random random)
    {
        while (race.IsRunning)
        {
            neighbour.Move(random);
            race.PauseIfAsked();
        }
    }
}
