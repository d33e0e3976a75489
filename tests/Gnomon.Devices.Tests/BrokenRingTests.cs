using Gnomon.Devices.Tests.Fixture;
using Gnomon.Memory;

namespace Gnomon.Devices.Tests;

/// <summary>Rings that break a rule: the device stops, says so, changes nothing more and works again after a reset.</summary>
public sealed class BrokenRingTests : IDisposable
{
    private const ulong Table = 0x20000;

    private readonly ConsoleRecord _output = new();
    private readonly VirtioConsole _console;
    private readonly TestMachine _machine;
    private readonly VirtioDriver _driver;

    public BrokenRingTests()
    {
        _console = new VirtioConsole(_output);
        _machine = new TestMachine(_console);
        _driver = new VirtioDriver(_machine, 1);
    }

    private DriverQueue Out => _driver.Queues[1];

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void Indirect_Table_IsFollowed()
    {
        _driver.Start();
        _machine.Poke(0x8000, "abc"u8.ToArray());
        Out.WriteIndirect(5, Table, new Part(0x8000, 2, false), new Part(0x8002, 1, false));
        Out.Submit([5]);
        Assert.Equal("abc", _output.Text);
        Assert.Equal((5u, 0u), Out.TakeUsed());
    }

    [Fact]
    public void Indirect_AfterDirectBuffers_IsFollowed()
    {
        _driver.Start();
        _machine.Poke(0x8000, "abc"u8.ToArray());
        Out.WriteDescriptor(0, 0x8000, 1, DriverQueue.Next, 9);
        Out.WriteIndirect(9, Table, new Part(0x8001, 2, false));
        Out.Submit([0]);
        Assert.Equal("abc", _output.Text);
    }

    [Fact]
    public void Chain_AsLongAsTheQueue_IsServed()
    {
        _driver.Start();
        Out.Submit(0, [.. Enumerable.Range(0, 256).Select(i => new Part(0x8000 + (ulong)i, 1, false))]);
        Assert.Equal(256, _output.Bytes.Count);
    }

    [Fact]
    public void Chain_InASmallQueueByIndirectTable_MayBe256Long()
    {
        _driver.Start(queueSize: 4);
        Out.WriteIndirect(0, Table, [.. Enumerable.Range(0, 256).Select(i => new Part(0x8000 + (ulong)i, 1, false))]);
        Out.Submit([0]);
        Assert.Equal(256, _output.Bytes.Count);
    }

    [Fact]
    public void Indices_WrapAround()
    {
        _driver.Start(queueSize: 2);
        for (int i = 0; i < 70_000; i++)
        {
            Out.WriteChain(i & 1, new Part(0x8000, 0, false));
            Out.Submit([i & 1]);
            Assert.Equal(((uint)i & 1, 0u), Out.TakeUsed());
        }

        Assert.Equal(70_000 & 0xFFFF, Out.UsedIndex);
    }

    [Fact]
    public void InterruptSuppression_NoInterrupt()
    {
        _driver.Start();
        _machine.Poke16(Out.Available, 1);
        Out.Submit(0, new Part(0x8000, 1, false));
        Assert.NotNull(Out.TakeUsed());
        Assert.False(_machine.Lines[0].Level);
        _machine.Poke16(Out.Available, 0);
        Out.Submit(0, new Part(0x8000, 1, false));
        Assert.True(_machine.Lines[0].Level);
    }

    [Fact]
    public void AvailableIndex_FarAhead_Breaks() => Breaks(() =>
    {
        _machine.Poke16(Out.Available + 2, 257);
        _driver.Notify(1);
    });

    [Fact]
    public void AvailableIndex_Back_Breaks() => Breaks(() =>
    {
        _machine.Poke16(Out.Available + 2, 0xFFFF);
        _driver.Notify(1);
    });

    [Fact]
    public void Head_PastTheTable_Breaks() => Breaks(() => Out.Submit([256]));

    [Fact]
    public void Next_PastTheTable_Breaks() => Breaks(() =>
    {
        Out.WriteDescriptor(0, 0x8000, 1, DriverQueue.Next, 256);
        Out.Submit([0]);
    });

    [Fact]
    public void Next_PastTheIndirectTable_Breaks() => Breaks(() =>
    {
        Out.WriteDescriptorAt(Table, 0, 0x8000, 1, DriverQueue.Next, 1);
        Out.WriteDescriptor(0, Table, 16, DriverQueue.IsTable, 0);
        Out.Submit([0]);
    });

    [Fact]
    public void Loop_InTheTable_Breaks() => Breaks(() =>
    {
        Out.WriteDescriptor(0, 0x8000, 1, DriverQueue.Next, 1);
        Out.WriteDescriptor(1, 0x8000, 1, DriverQueue.Next, 0);
        Out.Submit([0]);
    });

    [Fact]
    public void Loop_InAnIndirectTable_Breaks() => Breaks(() =>
    {
        Out.WriteDescriptorAt(Table, 0, 0x8000, 0, DriverQueue.Next, 0);
        Out.WriteDescriptor(0, Table, 0x10000, DriverQueue.IsTable, 0);
        Out.Submit([0]);
    });

    [Fact]
    public void Chain_LongerThan256_Breaks() => Breaks(() =>
    {
        Out.WriteDescriptor(0, 0x8000, 1, DriverQueue.Next, 1);
        Out.WriteIndirect(1, Table, [.. Enumerable.Repeat(new Part(0x8000, 1, false), 256)]);
        Out.Submit([0]);
    });

    [Fact]
    public void Indirect_InsideIndirect_Breaks() => Breaks(() =>
    {
        Out.WriteDescriptorAt(Table + 16, 0, 0x8000, 1, 0, 0);
        Out.WriteDescriptorAt(Table, 0, Table + 16, 16, DriverQueue.IsTable, 0);
        Out.WriteDescriptor(0, Table, 16, DriverQueue.IsTable, 0);
        Out.Submit([0]);
    });

    [Fact]
    public void Indirect_InsideItself_Breaks() => Breaks(() =>
    {
        Out.WriteDescriptorAt(Table, 0, Table, 16, DriverQueue.IsTable, 0);
        Out.WriteDescriptor(0, Table, 16, DriverQueue.IsTable, 0);
        Out.Submit([0]);
    });

    [Fact]
    public void Indirect_WithALink_Breaks() => Breaks(() =>
    {
        Out.WriteIndirect(0, Table, new Part(0x8000, 1, false));
        Out.WriteDescriptor(0, Table, 16, DriverQueue.IsTable | DriverQueue.Next, 1);
        Out.Submit([0]);
    });

    [Theory]
    [InlineData(0u)]
    [InlineData(15u)]
    [InlineData(24u)]
    public void Indirect_OfABadLength_Breaks(uint length) => Breaks(() =>
    {
        Out.WriteIndirect(0, Table, new Part(0x8000, 1, false), new Part(0x8000, 1, false));
        Out.WriteDescriptor(0, Table, length, DriverQueue.IsTable, 0);
        Out.Submit([0]);
    });

    [Theory]
    [InlineData(TestMachine.Bytes - 8ul, 16u)]
    [InlineData(0xFFFF_FFFF_FFFF_FFF8ul, 16u)]
    [InlineData(Table, 0xFFFF_FFF0u)]
    public void Indirect_OutsideMemory_Breaks(ulong address, uint length) => Breaks(() =>
    {
        Out.WriteDescriptor(0, address, length, DriverQueue.IsTable, 0);
        Out.Submit([0]);
    });

    [Fact]
    public void Indirect_NotNegotiated_Breaks() => Breaks(
        () =>
        {
            Out.WriteIndirect(0, Table, new Part(0x8000, 1, false));
            Out.Submit([0]);
        },
        VirtioDriver.Version1);

    [Theory]
    [InlineData(TestMachine.Bytes - 1ul, 2u)]
    [InlineData((ulong)TestMachine.Bytes, 1u)]
    [InlineData(0xFFFF_FFFF_FFFF_FFFFul, 2u)]
    [InlineData(0x8000ul, 0xFFFF_FFFFu)]
    [InlineData(0x1_0000_8000ul, 1u)]
    public void Buffer_OutsideMemory_Breaks(ulong address, uint length) => Breaks(() => Out.Submit(0, new Part(address, length, false)));

    [Fact]
    public void Buffers_OfMoreThan4GiBTogether_Break() => Breaks(() =>
        Out.Submit(0, [.. Enumerable.Repeat(new Part(0, TestMachine.Bytes, false), 200)]));

    [Fact]
    public void ReadableBuffer_AfterAWritableOne_Breaks() => Breaks(() => _driver.Queues[0].Submit(0, new Part(0x8000, 1, true), new Part(0x8001, 1, false)), input: true);

    [Fact]
    public void WritableBuffer_InTheOutputQueue_Breaks() => Breaks(() => Out.Submit(0, new Part(0x8000, 1, true)));

    [Fact]
    public void ReadableBuffer_InTheInputQueue_Breaks() => Breaks(() => _driver.Queues[0].Submit(0, new Part(0x8000, 1, false)), input: true);

    [Fact]
    public void Buffer_InAHole_Breaks()
    {
        _machine.Memory.Declare(new Gfn(0x30), 1, GuestPageState.Hole);
        Breaks(() => Out.Submit(0, new Part(0x30000, 1, false)));
    }

    [Fact]
    public void UsedRing_ThatCannotBeWritten_Breaks()
    {
        _driver.Start();
        _machine.Memory.Declare(new Gfn(Out.Used >> 12), 1, GuestPageState.ReadOnly);
        Out.Submit(0, new Part(0x8000, 1, false));
        Assert.Equal(15 | 64, _driver.GetStatus());
        Assert.Equal(2, _driver.AcknowledgeInterrupt());
    }

    [Fact]
    public void HostWithoutMemory_StopsTheDeviceAndTellsTheOwner()
    {
        _driver.Start();
        _console.Receive("x"u8);
        _driver.Queues[0].WriteChain(0, new Part(0x38000, 1, true));
        _driver.Queues[0].MakeAvailable(0);
        _machine.FailHostAllocations(1);
        _driver.Notify(0);
        Assert.Equal(15 | 64, _driver.GetStatus());
        Assert.Equal(1, _machine.HostFailures);
    }

    // The device stops with one note, one configuration interrupt and nothing given back; later notifications do nothing; a reset helps.
    private void Breaks(Action act, ulong features = VirtioDriver.Version1 | VirtioDriver.Indirect, bool input = false)
    {
        _driver.Start(features);
        if (input)
        {
            _console.Receive("x"u8);
        }

        act();
        Assert.Equal(15 | 64, _driver.GetStatus());
        Assert.Single(_machine.Notes);
        Assert.Equal(0, _machine.HostFailures);
        Assert.True(_machine.Lines[0].Level);
        Assert.Equal(2, _driver.AcknowledgeInterrupt());
        Assert.All(_driver.Queues, queue => Assert.Equal(0, queue.UsedIndex));
        Assert.Empty(_output.Bytes);

        _driver.Notify(0);
        _driver.Notify(1);
        Assert.Equal(15 | 64, _driver.SetStatus(15));
        Assert.Empty(_output.Bytes);

        foreach (DriverQueue queue in _driver.Queues)
        {
            _machine.Poke(queue.Available, new byte[4]);
        }

        _driver.Start(features);
        Out.Submit(0, new Part(0x8000, 1, false));
        Assert.Single(_output.Bytes);
        Assert.Single(_machine.Notes);
    }
}
