using CsCheck;
using Gnomon.Memory.Tests.Fixture;

namespace Gnomon.Memory.Tests;

/// <summary>A tree of guests that share memory, written, taken back, cloned and dropped at random, against plain byte arrays.</summary>
public sealed class SharingPropertyTests
{
    private const int Pages = 6;

    private enum Kind
    {
        Write,
        CompareExchange,
        Read,
        Clone,
        Drop,
        Reclaim,
        Pin,
        Unpin,
        Fail,
    }

    private static readonly Gen<(Kind Kind, int Who, int Address, byte[] Bytes)[]> Steps =
        Gen.Select(
            Gen.Frequency((8, Gen.Const(Kind.Write)), (3, Gen.Const(Kind.CompareExchange)), (3, Gen.Const(Kind.Read)), (3, Gen.Const(Kind.Clone)), (2, Gen.Const(Kind.Drop)),
                (4, Gen.Const(Kind.Reclaim)), (1, Gen.Const(Kind.Pin)), (1, Gen.Const(Kind.Unpin)), (1, Gen.Const(Kind.Fail))),
            Gen.Int[0, 7],
            Gen.Int[0, (Pages * 4096) - 1],
            Gen.Byte.Array[1, 9]).Array[1, 120];

    [Fact]
    public void RandomSteps_TreeOfGuests_EachSeesItsOwnBytes() => Steps.Sample(Run, iter: TestSettings.Steps(2000));

    private static void Run((Kind Kind, int Who, int Address, byte[] Bytes)[] steps)
    {
        using HostMemory host = new(1);
        ListStore store = new(8);
        List<(GuestMemory Memory, byte[] Bytes)> guests = [(new GuestMemory(host, Pages) { Store = store }, new byte[Pages * 4096])];
        foreach ((Kind kind, int who, int address, byte[] bytes) in steps)
        {
            Step(host, store, guests, kind, guests[who % guests.Count], address, bytes);
            Check(host, guests);
        }

        host.FailNextAllocations(0);
        foreach ((GuestMemory memory, byte[] expected) in guests)
        {
            Assert.Equal(expected, memory.Read(0, expected.Length));
            LetGo(memory);
        }

        Assert.Equal(0, host.FramesInUse);
        Assert.Equal(0, store.Count);
    }

    private static void Step(
        HostMemory host, ListStore store, List<(GuestMemory Memory, byte[] Bytes)> guests, Kind kind, (GuestMemory Memory, byte[] Bytes) guest, int address, byte[] bytes)
    {
        ulong page = (ulong)address >> 12;
        switch (kind)
        {
            case Kind.Write:
                int length = Math.Min(bytes.Length, 4096 - (address & 0xFFF));
                if (guest.Memory.Write((ulong)address, bytes[..length]) == PageStatus.Ok)
                {
                    bytes.AsSpan(0, length).CopyTo(guest.Bytes.AsSpan(address));
                }

                break;
            case Kind.CompareExchange:
                int place = address & ~7;
                ulong old = BitConverter.ToUInt64(guest.Bytes, place);
                ulong wrong = bytes[0] < 64 ? 1UL : 0;
                PageStatus status = guest.Memory.CompareExchange(new Gpa((ulong)place), 8, old ^ wrong, 0x1122334455667788UL);
                Assert.True(wrong == 0 ? status != PageStatus.Changed : status != PageStatus.Ok);
                if (status == PageStatus.Ok)
                {
                    BitConverter.TryWriteBytes(guest.Bytes.AsSpan(place), 0x1122334455667788UL);
                }

                break;
            case Kind.Read:
                byte[] read = new byte[1];
                if (guest.Memory.Read(new Gpa((ulong)address), read) == PageStatus.Ok)
                {
                    Assert.Equal(guest.Bytes[address], read[0]);
                }

                break;
            case Kind.Clone when guests.Count < 6 && guest.Memory.Share(out GuestMemory? copy) == PageStatus.Ok:
                copy!.Store = store;
                guests.Add((copy, (byte[])guest.Bytes.Clone()));
                break;
            case Kind.Drop when guests.Count > 1:
                guests.Remove(guest);
                LetGo(guest.Memory);
                break;
            case Kind.Reclaim:
                PageStatus taken = guest.Memory.Reclaim(new Gfn(page));
                Assert.Equal(guest.Memory.PinsOf(new Gfn(page)) > 0, taken == PageStatus.Busy);
                break;
            case Kind.Pin:
                guest.Memory.Pin(new Gfn(page), bytes[0] > 127, out _);
                break;
            case Kind.Unpin when guest.Memory.PinsOf(new Gfn(page)) > 0:
                guest.Memory.Unpin(new Gfn(page));
                break;
            case Kind.Fail:
                host.FailNextAllocations(bytes.Length / 4);
                break;
            default:
                break;
        }
    }

    private static void LetGo(GuestMemory memory)
    {
        for (ulong page = 0; page < Pages; page++)
        {
            while (memory.PinsOf(new Gfn(page)) > 0)
            {
                memory.Unpin(new Gfn(page));
            }
        }

        memory.Dispose();
    }

    // Every frame's count is the guests that back a page by it plus their pins, and nothing else is in use.
    private static void Check(HostMemory host, List<(GuestMemory Memory, byte[] Bytes)> guests)
    {
        Dictionary<Pfn, int> wanted = [];
        foreach ((GuestMemory memory, _) in guests)
        {
            for (ulong page = 0; page < Pages; page++)
            {
                if ((memory.Flags(page) & GuestPageState.Present) != 0)
                {
                    Pfn frame = memory.FrameOf(page);
                    wanted[frame] = wanted.GetValueOrDefault(frame) + 1 + memory.PinsOf(new Gfn(page));
                }
            }
        }

        Assert.Equal(wanted.Count, host.FramesInUse);
        foreach ((Pfn frame, int references) in wanted)
        {
            Assert.Equal(references, host.References(frame));
        }
    }
}
