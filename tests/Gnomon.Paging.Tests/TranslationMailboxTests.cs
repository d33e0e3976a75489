using Gnomon.Memory;

namespace Gnomon.Paging.Tests;

public sealed class TranslationMailboxTests
{
    private static readonly Invalidation Page = Invalidation.OfPage(new Gva(0x5000), InvalidationKind.Translations);

    [Fact]
    public void Post_CpuOutside_NobodyWaitsAndEnteringDropsFirst()
    {
        (TranslationMailbox mailbox, RecordingCache cache) = Make();
        mailbox.Post(Page);
        mailbox.WaitUntilDropped();
        Assert.Empty(cache.Dropped);
        mailbox.Enter();
        Assert.Equal([Page], cache.Dropped);
        Assert.Equal(1, mailbox.Handled);
    }

    [Fact]
    public void Post_CpuInside_IsDroppedAtTheNextPoll()
    {
        (TranslationMailbox mailbox, RecordingCache cache) = Make();
        mailbox.Enter();
        mailbox.Post(Page);
        Assert.Empty(cache.Dropped);
        mailbox.Poll();
        mailbox.Poll();
        Assert.Equal([Page], cache.Dropped);
        mailbox.WaitUntilDropped();
    }

    [Fact]
    public async Task WaitUntilDropped_CpuInside_ReturnsOnlyAfterThePoll()
    {
        (TranslationMailbox mailbox, RecordingCache cache) = Make();
        mailbox.Enter();
        mailbox.Post(Page);
        Task<int> waiter = Task.Run(() =>
        {
            mailbox.WaitUntilDropped();
            return cache.Dropped.Count;
        });
        await Task.Delay(50);
        Assert.False(waiter.IsCompleted);
        mailbox.Poll();
        Assert.Equal(1, await waiter.WaitAsync(TimeSpan.FromSeconds(30)));
    }

    [Fact]
    public async Task WaitUntilDropped_CpuLeaves_ReturnsAndEnteringStillDrops()
    {
        (TranslationMailbox mailbox, RecordingCache cache) = Make();
        mailbox.Enter();
        mailbox.Post(Page);
        Task waiter = Task.Run(mailbox.WaitUntilDropped);
        mailbox.Leave();
        await waiter.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Empty(cache.Dropped);
        mailbox.Enter();
        Assert.Equal([Page], cache.Dropped);
    }

    [Fact]
    public void Post_Several_ArriveInOrder()
    {
        (TranslationMailbox mailbox, RecordingCache cache) = Make();
        Invalidation[] posted = [.. Enumerable.Range(1, 16).Select(i => Invalidation.OfPage(new Gva((uint)i << 12), InvalidationKind.WriteAccess))];
        foreach (Invalidation what in posted)
        {
            mailbox.Post(what);
        }

        mailbox.Enter();
        Assert.Equal(posted, cache.Dropped);
    }

    [Fact]
    public void Post_MoreThanItHolds_DropsEverythingOnce()
    {
        (TranslationMailbox mailbox, RecordingCache cache) = Make();
        for (int i = 0; i < 40; i++)
        {
            mailbox.Post(Invalidation.OfPage(new Gva((uint)i << 12), InvalidationKind.WriteAccess));
        }

        mailbox.Enter();
        Assert.Equal([Invalidation.Everything], cache.Dropped);
        mailbox.Post(Page);
        mailbox.Poll();
        Assert.Equal([Invalidation.Everything, Page], cache.Dropped);
    }

    [Fact]
    public void Post_NoCache_IsForgotten()
    {
        TranslationMailbox mailbox = new();
        mailbox.Enter();
        mailbox.Post(Page);
        mailbox.WaitUntilDropped();
        mailbox.Leave();
        RecordingCache cache = new();
        mailbox.Attach(cache);
        mailbox.Enter();
        Assert.Empty(cache.Dropped);
        Assert.True(mailbox.HasCache && mailbox.IsInside);
    }

    [Fact]
    public void Attach_AnotherCache_StartsEmptyAndIsSaid()
    {
        int changes = 0;
        TranslationMailbox mailbox = new(() => changes++);
        mailbox.Attach(new RecordingCache());
        mailbox.Post(Page);
        RecordingCache second = new();
        mailbox.Attach(second);
        mailbox.Enter();
        Assert.Empty(second.Dropped);
        Assert.Equal(2, changes);
        mailbox.Leave();
        mailbox.Attach(null);
        Assert.False(mailbox.HasCache);
    }

    [Fact]
    public void ManyRounds_CpuAndPoster_NothingRetiredIsUsed()
    {
        int milliseconds = TestSettings.Full ? 10_000 : 700;
        TranslationMailbox mailbox = new();
        GenerationCache cache = new();
        mailbox.Attach(cache);
        int generation = 1, retired = 0, wrong = 0;
        long uses = 0;
        bool running = true;
        Thread cpu = new(() =>
        {
            while (Volatile.Read(ref running))
            {
                mailbox.Enter();
                for (int i = 0; i < 20; i++)
                {
                    mailbox.Poll();
                    cache.Generation = cache.Generation == 0 ? Volatile.Read(ref generation) : cache.Generation;
                    Thread.SpinWait(3);
                    wrong += cache.Generation <= Volatile.Read(ref retired) ? 1 : 0;
                    uses++;
                }

                mailbox.Leave();
            }
        });
        cpu.Start();
        long rounds = 0;
        long end = Environment.TickCount64 + milliseconds;
        for (; Environment.TickCount64 < end || (rounds < 100 && Environment.TickCount64 < end + 60_000); rounds++)
        {
            int old = generation;
            Volatile.Write(ref generation, old + 1);
            mailbox.Post(Page);
            mailbox.WaitUntilDropped();
            Volatile.Write(ref retired, old);
        }

        Volatile.Write(ref running, false);
        cpu.Join();
        Assert.True(wrong == 0, $"{wrong} of {uses} uses were of something retired, in {rounds} rounds");
        Assert.True(rounds >= 100 && uses > 100, $"only {rounds} rounds and {uses} uses");
    }

    private static (TranslationMailbox Mailbox, RecordingCache Cache) Make()
    {
        TranslationMailbox mailbox = new();
        RecordingCache cache = new();
        mailbox.Attach(cache);
        return (mailbox, cache);
    }

    private sealed class RecordingCache : ITranslationCache
    {
        public List<Invalidation> Dropped { get; } = [];

        public void Invalidate(in Invalidation what) => Dropped.Add(what);
    }

    private sealed class GenerationCache : ITranslationCache
    {
        public int Generation { get; set; }

        public void Invalidate(in Invalidation what) => Generation = 0;
    }
}
