using CsCheck;
using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests;

/// <summary>Random hostile rings: no exception, bounded work, and nothing is written but what a request allows.</summary>
public sealed class HostileRingTests
{
    private const long NotifyLimit = (8 << 20) + (32 << 20);

    [Fact]
    public void EntropyDevice_RandomRings_DoesExactlyWhatTheModelDoes()
    {
        int served = 0;
        int broken = 0;
        RandomRings.Rounds.Sample(
            rounds =>
            {
                using TestMachine machine = new(new VirtioEntropy(new SeededEntropy(5)));
                VirtioDriver driver = new(machine, 1);
                SeededEntropy entropy = new(5);
                byte[] memory = [];
                RingModel? model = null;
                ushort index = 0;
                foreach (RandomRound round in rounds)
                {
                    if (model is not { IsBroken: false })
                    {
                        machine.Poke(0x10000, new byte[0x4000]);
                        driver.Start(queueSize: RandomRings.QueueSize);
                        memory = new byte[TestMachine.Bytes];
                        model = new RingModel(memory, RandomRings.QueueSize, driver.Queues[0].Descriptors, driver.Queues[0].Available, driver.Queues[0].Used);
                        index = 0;
                    }

                    RandomRings.Write(driver.Queues[0], round, tame: false);
                    index = MakeAvailable(machine, driver.Queues[0], round, index);
                    machine.Peek(0, memory.Length).CopyTo(memory, 0);
                    model.Run(parts => Entropy(memory, entropy, parts));

                    driver.Notify(0);
                    machine.RunTimers();
                    Assert.Equal(model.IsBroken ? 15 | 64 : 15, driver.GetStatus());
                    Assert.Equal(memory, machine.Peek(0, memory.Length));
                    _ = model.IsBroken ? Interlocked.Increment(ref broken) : Interlocked.Increment(ref served);
                }
            },
            iter: TestSettings.Steps(1500));
        Assert.True(served > 200 && broken > 200, $"the rings are too good or too bad: {served} served, {broken} broken");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void OtherDevices_RandomRings_WriteOnlyIntoWritableBuffers(int kind)
    {
        // Few random chains are a disk request: enough of them that some are served whatever the seed.
        int rings = kind == 3 ? 4000 : 500;
        int given = 0;
        RandomRings.Rounds.Sample(
            rounds =>
            {
                VirtioConsole console = new(new ConsoleRecord());
                VirtioNet net = new([1, 2, 3, 4, 5, 6]);
                VirtioDevice device = kind < 2 ? console : kind == 2 ? net : new VirtioBlock(new TestImage(new byte[64 * 512]));
                int queue = kind is 1 ? 1 : 0;
                using TestMachine machine = new(device);
                VirtioDriver driver = new(machine, 1);
                foreach (RandomRound round in rounds)
                {
                    machine.Poke(0x10000, new byte[0x8000]);
                    driver.Start(queueSize: RandomRings.QueueSize);
                    DriverQueue ring = driver.Queues[queue];
                    RandomRings.Write(ring, round, tame: true, requests: kind == 3);
                    WriteRequests(machine);
                    MakeAvailable(machine, ring, round, 0);
                    List<Part> writable = AllWritable(machine, ring, round);
                    machine.DmaWrites.Clear();
                    console.Receive(new byte[5000]);
                    net.Receive(new byte[20]);
                    driver.Notify(queue);
                    Assert.InRange(machine.DmaWrites.Sum(write => (long)write.Length), 0, NotifyLimit);
                    machine.RunTimers();
                    Interlocked.Add(ref given, ring.UsedIndex);
                    foreach ((ulong address, int length) in machine.DmaWrites)
                    {
                        Assert.True(
                            IsIn(address, length, ring.Used, 4 + (8 * RandomRings.QueueSize)) || writable.Exists(part => IsIn(address, length, part.Address, part.Length)),
                            $"{length} bytes at 0x{address:x} are in no writable buffer");
                    }
                }
            },
            iter: TestSettings.Steps(rings));
        Console.WriteLine($"kind {kind}: {given} requests served");
        Assert.True(given > 50, $"only {given} requests were served");
    }

    [Fact]
    public void Registers_RandomAccesses_NeverThrowAndNeverHang() =>
        Gen.Select(Gen.Int[0, 100], Gen.Int[1, 8], Gen.ULong, Gen.Int[0, 3]).Array[1, 200].Sample(
            accesses =>
            {
                using TestMachine machine = new(new VirtioConsole(new ConsoleRecord()), new VirtioBlock(new TestImage(new byte[4096])));
                machine.Poke(0, [.. Enumerable.Range(0, 0x10000).Select(i => (byte)((i * 7) ^ (i >> 7)))]);
                VirtioDriver driver = new VirtioDriver(machine, 2).Start();
                foreach ((int offset, int size, ulong value, int kind) in accesses)
                {
                    switch (kind)
                    {
                        case 0:
                            machine.ReadMmio(driver.Window + (uint)offset, size);
                            break;
                        case 1:
                            machine.WriteMmio(driver.Window + (uint)offset, size, value % 3 == 0 ? value : value & 0x3_F00F);
                            break;
                        case 2:
                            machine.Out(0xCF8 + (offset & 7), Math.Min(size & 7, 4) is 0 or 3 ? 4 : Math.Min(size & 7, 4), (uint)value & 0x8000_3FFF);
                            break;
                        default:
                            machine.In(0xCF8 + (offset & 7), 1 << (size % 3));
                            break;
                    }

                    machine.RunTimers();
                }
            },
            iter: TestSettings.Steps(200));

    private static uint? Entropy(byte[] memory, SeededEntropy source, List<Part> parts)
    {
        if (parts.Exists(part => !part.Writable && part.Length > 0))
        {
            return null;
        }

        byte[] bytes = new byte[Math.Min(4096, parts.Where(part => part.Writable).Sum(part => (long)part.Length))];
        source.Fill(bytes);
        int done = 0;
        foreach (Part part in parts.Where(part => part.Writable))
        {
            int length = (int)Math.Min(part.Length, bytes.Length - done);
            bytes.AsSpan(done, length).CopyTo(memory.AsSpan(length == 0 ? 0 : (int)part.Address));
            done += length;
        }

        return (uint)bytes.Length;
    }

    // Headers of disk requests wherever a buffer may begin: all types, sectors on and past the disk.
    private static void WriteRequests(TestMachine machine)
    {
        byte[] types = [0, 1, 4, 8, 3];
        byte[] headers = new byte[0x20000];
        for (int i = 0; i < headers.Length / 16; i++)
        {
            headers[i * 16] = types[i % types.Length];
            headers[(i * 16) + 8] = (byte)(i % 70);
        }

        machine.Poke(0x20000, headers);
    }

    private static ushort MakeAvailable(TestMachine machine, DriverQueue queue, RandomRound round, ushort index)
    {
        for (int i = 0; i < round.Heads.Length; i++)
        {
            machine.Poke16(queue.Available + 4 + (2ul * (uint)i), round.Heads[i]);
        }

        index += (ushort)round.Ahead;
        machine.Poke16(queue.Available + 2, index);
        return index;
    }

    // What the requests that are available let the device write, by the model's walk; a request that breaks a rule lets it write nothing.
    private static List<Part> AllWritable(TestMachine machine, DriverQueue queue, RandomRound round)
    {
        RingModel model = new(machine.Peek(0, (int)TestMachine.Bytes), RandomRings.QueueSize, queue.Descriptors, queue.Available, queue.Used);
        return [.. round.Heads
            .Take(round.Ahead)
            .Where(head => head < RandomRings.QueueSize)
            .SelectMany(head => model.Walk(head) ?? [])
            .Where(part => part.Writable)];
    }

    private static bool IsIn(ulong address, int length, ulong start, long size) =>
        address >= start && (UInt128)address + (uint)length <= (UInt128)start + (ulong)size;
}
