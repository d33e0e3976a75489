using Gnomon.Memory;
using Gnomon.Shadow;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests.Unmodified;

/// <summary>Budgets, stops, ends and new starts of unmodified guests, and other threads that take memory meanwhile.</summary>
public sealed class LifeTests
{
    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Budget_InSlicesOfAnySize_IsExactAndChangesNothing(PcKind kind, bool pae)
    {
        uint[]? first = null;
        foreach (ulong slice in (ulong[])[1, 2, 7, 1_000])
        {
            using SmallPc pc = new(kind, p =>
            {
                p.PagingOn(pae);
                p.Code.mov(ecx, 300);
                p.Mark("loop");
                p.Code.add(__dword_ptr[0x9000], ecx);
                p.Code.@lock.add(__dword_ptr[new SmallTables((_, _) => { }, pae).Entry(0x4_0000)], 0x200);
                p.Code.dec(ecx);
                p.Code.jnz(p.At("loop"));
                p.Code.rdtsc();
                p.Say(eax);
                p.SayAt(0x9000);
                p.Off();
            }, pae);
            GuestStop stop;
            do
            {
                ulong before = pc.Guest.Processor.Instructions;
                stop = pc.Guest.Run(slice);
                Assert.True(stop.Reason != GuestStopReason.Budget || pc.Guest.Processor.Instructions == before + slice);
            }
            while (stop.Reason == GuestStopReason.Budget);

            Assert.Equal(GuestStopReason.Shutdown, stop.Reason);
            first ??= [.. pc.Said];
            Assert.Equal(first, pc.Said);
            Assert.Equal(45_150u, pc.Said[1]);
        }
    }

    [Fact]
    public void Budget_WithoutEnd_RunsToTheEnd()
    {
        using SmallPc pc = new(PcKind.Watched, p =>
        {
            p.Code.mov(ecx, 50);
            p.Mark("loop");
            p.Code.loop(p.At("loop"));
            p.Off();
        });

        Assert.Equal(GuestStopReason.Budget, pc.Run(10).Reason);
        Assert.Equal(GuestStopReason.Shutdown, pc.Run(ulong.MaxValue).Reason);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public async Task Stop_FromAnotherThread_EndsTheRun(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Say(1);
            p.Mark("loop");
            p.Code.inc(ebx);
            p.Code.jmp(p.At("loop"));
        }, pae);
        TaskCompletionSource runs = new(TaskCreationOptions.RunContinuationsAsynchronously);
        pc.Heard = _ => runs.SetResult();
        Task asking = Task.Run(async () =>
        {
            await runs.Task;
            pc.Guest.RequestStop();
        }, TestContext.Current.CancellationToken);

        GuestStop stop = pc.Run(1ul << 40);
        await asking;
        Assert.Equal(GuestStopReason.Asked, stop.Reason);
        Assert.Equal(GuestStopReason.Budget, pc.Run(10).Reason);
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Reset_InTheMiddleOfAnOut_StartsFromScratchWithoutALeak(PcKind kind, bool pae)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.SayAt(0x4_0000);
            p.Code.inc(__dword_ptr[0x4_0000]);
            p.PagingOn(pae);
            p.Code.mov(ebx, cr0);
            p.Say(ebx);
            p.Code.mov(esi, 0x9000);
            p.Code.mov(edx, SmallProgram.ResetPort);
            p.Code.mov(ecx, 4);
            p.Code.rep.outsb();
            p.Say(0xBAD);
        }, pae, pc => pc.Write32(0x4_0000, 0x11));
        int frames = 0;
        for (int i = 0; i < 4; i++)
        {
            GuestStop stop = pc.Run();
            Assert.Equal(GuestStopReason.Restart, stop.Reason);
            Assert.True(stop.IsFinal);
            Assert.Equal(stop, pc.Guest.Run(5));
            Assert.True(i == 0 || frames == pc.Host.FramesInUse, $"{frames} frames were in use, now {pc.Host.FramesInUse}");
            frames = pc.Host.FramesInUse;
            pc.Guest.Restart();
            Assert.False(pc.Guest.IsShadowed);
            Assert.Null(pc.Guest.End);
            Assert.Empty(pc.Guest.RecentFaults);
        }

        Assert.Equal([0x11, 0x8001_0011, 0x11, 0x8001_0011, 0x11, 0x8001_0011, 0x11, 0x8001_0011], pc.Said);
    }

    [Theory]
    [InlineData(PcKind.Watched)]
    [InlineData(PcKind.Nested)]
    public void Restart_InTheMiddleOfAnInstruction_ForgetsWhatItHasRead(PcKind kind)
    {
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae: false);
            p.Code.mov(edx, SmallPc.FirstPort);
            p.Code.@in(eax, dx);
            p.Code.mov(esi, SmallPc.HoleAddress);
            p.Code.mov(edi, SmallPc.HoleAddress + 4);
            p.Code.movsd();
            p.Say(eax);
            p.Off();
        });
        for (ulong budget = 1; budget < 20; budget++)
        {
            pc.Guest.Run(budget);
            pc.Guest.Restart();
        }

        pc.PortDevice.Accesses.Clear();
        pc.Hole.Accesses.Clear();
        pc.Said.Clear();
        uint[] said = pc.RunToEnd();
        Assert.Equal([pc.PortDevice.Accesses.Single().Value], said.Select(value => (ulong)value));
        Assert.Equal(2, pc.Hole.Accesses.Count);
        Assert.Equal(pc.Hole.Accesses[0].Value, pc.Hole.Accesses[1].Value);
    }

    [Fact]
    public void Restart_WithoutFramesInTheHost_FailsAndMayBeTriedAgain()
    {
        using SmallPc pc = new(PcKind.Watched, p =>
        {
            p.Say(1);
            p.Off();
        });
        pc.RunToEnd();
        pc.Host.FailNextAllocations(1_000_000);
        Assert.ThrowsAny<Exception>(pc.Guest.Restart);
        Assert.Equal(GuestStopReason.Killed, pc.Guest.Run(10).Reason);
        pc.Host.FailNextAllocations(0);
        pc.Guest.Restart();
        Assert.Equal([1, 1], pc.RunToEnd());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Paging_WithoutFramesInTheHost_KillsTheGuestAndNotTheHost(bool pae)
    {
        using SmallPc pc = new(PcKind.Watched, p =>
        {
            p.Say(1);
            p.PagingOn(pae);
            p.Say(2);
            p.PagingOff();
            p.Say(3);
            p.Off();
        }, pae);
        pc.Heard = value => pc.Host.FailNextAllocations(value == (pae ? 1 : 2) ? 1_000_000 : 0);

        GuestStop stop = pc.Guest.Run(1_000);
        Assert.Equal(GuestStopReason.Killed, stop.Reason);
        Assert.Contains("host has no frames", stop.Text, StringComparison.Ordinal);
        Assert.Equal(stop, pc.Guest.Run(1));
        pc.Host.FailNextAllocations(0);
        pc.Guest.Restart();
        pc.Heard = null;
        pc.Said.Clear();
        Assert.Equal([1, 2, 3], pc.RunToEnd());
    }

    [Theory]
    [MemberData(nameof(SmallPc.All), MemberType = typeof(SmallPc))]
    public void Reclaim_AndTrimFromAnotherThread_LoseNothing(PcKind kind, bool pae)
    {
        using MemoryStore store = new();
        using SmallPc pc = new(kind, p =>
        {
            p.PagingOn(pae);
            p.Code.mov(edx, 100);
            p.Mark("round");
            p.Code.mov(edi, 0x10_0000);
            p.Mark("page");
            p.Code.add(__dword_ptr[edi], edx);
            p.Code.add(edi, 0x1000);
            p.Code.cmp(edi, 0x20_0000);
            p.Code.jb(p.At("page"));
            p.LoadTables(SmallTables.Directory);
            p.Code.dec(edx);
            p.Code.jnz(p.At("round"));
            p.Off();
        }, pae);
        pc.Guest.Memory.Store = store;
        using CancellationTokenSource end = new();
        GuestMemory memory = pc.Guest.Memory;
        long taken = 0;
        string? wrong = null;
        using ManualResetEventSlim begun = new();
        Thread thief = new(() =>
        {
            Random random = new(1);
            while (!end.IsCancellationRequested && wrong is null)
            {
                lock (memory.Gate)
                {
                    for (int i = 0; i < 50; i++)
                    {
                        Gfn page = new((uint)random.Next((int)memory.PageCount));
                        bool there = (memory.Page(page).Flags & GuestPageState.Present) != 0;
                        taken += there && memory.Reclaim(page) == PageStatus.Ok ? 1 : 0;
                    }

                    pc.Guest.Mmu.Trim(random.Next(3));
                    wrong = pc.Guest.Mmu.Audit();
                }

                if (taken > 0)
                {
                    begun.Set();
                }

                Thread.Yield();
            }
        });
        thief.Start();
        begun.Wait(TestContext.Current.CancellationToken);
        GuestStop stop = default;
        try
        {
            stop = pc.Guest.Run(2_000_000);
        }
        finally
        {
            end.Cancel();
            thief.Join();
        }

        Assert.Null(wrong);
        Assert.True(stop.Reason == GuestStopReason.Shutdown, $"{stop} {pc.Telling()}");
        Assert.Null(pc.Guest.Mmu.Audit());
        for (uint page = 0x10_0000; page < 0x20_0000; page += 0x1000)
        {
            Assert.Equal(5_050u, pc.Read32(page));
        }
    }

    private sealed class MemoryStore : IPageStore, IDisposable
    {
        private readonly Dictionary<uint, byte[]> _pages = [];
        private uint _next;

        public bool TryStore(ReadOnlySpan<byte> page, out uint slot)
        {
            slot = _next++;
            _pages[slot] = page.ToArray();
            return true;
        }

        public bool TryLoad(uint slot, Span<byte> page)
        {
            _pages[slot].CopyTo(page);
            return true;
        }

        public void Free(uint slot) => Assert.True(_pages.Remove(slot), "The slot is free already.");

        public void Dispose() => _pages.Clear();
    }
}
