using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests;

/// <summary>Saved states: their form, their errors, and that a loaded machine goes on as the saved one does.</summary>
public sealed class StateTests
{
    [Fact]
    public void Values_ReadBackAsWritten()
    {
        using MemoryStream stream = new();
        StateWriter writer = new(stream);
        writer.Begin("one", 3);
        writer.Write(true);
        writer.Write((byte)0x12);
        writer.Write((ushort)0x3456);
        writer.Write(0x789A_BCDEu);
        writer.Write(0x0123_4567_89AB_CDEFul);
        writer.Write([1, 2, 3]);
        writer.End();
        writer.Begin("two", 1);
        writer.End();
        stream.Position = 0;
        StateReader reader = new(stream);
        Assert.Equal(3, reader.Begin("one", 4));
        Assert.True(reader.ReadBoolean());
        Assert.Equal(0x12, reader.ReadByte());
        Assert.Equal(0x3456, reader.ReadUInt16());
        Assert.Equal(0x789A_BCDEu, reader.ReadUInt32());
        Assert.Equal(0x0123_4567_89AB_CDEFul, reader.ReadUInt64());
        byte[] bytes = new byte[3];
        reader.Read(bytes);
        Assert.Equal([1, 2, 3], bytes);
        reader.End();
        Assert.Equal(1, reader.Begin("two", 1));
        reader.End();
    }

    [Fact]
    public void ForeignData_IsNamedAsSuch()
    {
        using MemoryStream stream = new("ELF something"u8.ToArray());
        Assert.Contains("no device state", Assert.Throws<DeviceStateException>(() => new StateReader(stream)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void EmptyData_IsNamedAsSuch()
    {
        using MemoryStream stream = new();
        Assert.Contains("no device state", Assert.Throws<DeviceStateException>(() => new StateReader(stream)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NewerSection_IsRefused()
    {
        StateReader reader = Written(writer =>
        {
            writer.Begin("pit", 2);
            writer.End();
        });
        Assert.Contains("version 2", Assert.Throws<DeviceStateException>(() => reader.Begin("pit", 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OtherSection_IsNamed()
    {
        StateReader reader = Written(writer =>
        {
            writer.Begin("pit", 1);
            writer.End();
        });
        string message = Assert.Throws<DeviceStateException>(() => reader.Begin("uart", 1)).Message;
        Assert.Contains("'uart'", message, StringComparison.Ordinal);
        Assert.Contains("'pit'", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Section_ThatIsLongerOrShorter_IsRefused()
    {
        StateReader reader = Written(writer =>
        {
            writer.Begin("pit", 1);
            writer.Write((ushort)1);
            writer.End();
            writer.Begin("pit", 1);
            writer.Write((ushort)1);
            writer.End();
        });
        reader.Begin("pit", 1);
        _ = reader.ReadByte();
        Assert.Contains("1 bytes too many", Assert.Throws<DeviceStateException>(reader.End).Message, StringComparison.Ordinal);
        reader.Begin("pit", 1);
        Assert.Contains("2 bytes too early", Assert.Throws<DeviceStateException>(() => reader.ReadUInt32()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sections_OutOfOrder_AreOurOwnMistake()
    {
        using MemoryStream stream = new();
        StateWriter writer = new(stream);
        Assert.Throws<InvalidOperationException>(() => writer.Write(1u));
        Assert.Throws<InvalidOperationException>(writer.End);
        writer.Begin("a", 1);
        Assert.Throws<InvalidOperationException>(() => writer.Begin("b", 1));
    }

    [Fact]
    public void State_CutAnywhere_IsRefused()
    {
        using TestMachine machine = Make(out _);
        byte[] state = machine.Save();
        using TestMachine other = Make(out _);
        for (int length = 0; length < state.Length; length++)
        {
            Assert.Throws<DeviceStateException>(() => other.Load(state[..length]));
        }

        other.Load(state);
        Assert.Equal(state, other.Save());
    }

    [Fact]
    public void State_WithAnyByteChanged_IsLoadedOrRefused()
    {
        using TestMachine machine = Make(out VirtioConsole console);
        Use(machine, console);
        byte[] state = machine.Save();
        using TestMachine other = Make(out _);
        int refused = 0;
        for (int i = 0; i < state.Length; i++)
        {
            byte[] damaged = [.. state];
            damaged[i] ^= 0x81;
            try
            {
                other.Load(damaged);
            }
            catch (DeviceStateException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 100, state.Length);
        other.Load(state);
        Assert.Equal(state, other.Save());
    }

    [Fact]
    public void State_OfAnotherMachine_IsRefused()
    {
        using TestMachine machine = Make(out _);
        using TestMachine other = new(new VirtioConsole(new ConsoleRecord()), new VirtioEntropy(new SeededEntropy(1)));
        Assert.Contains("another machine", Assert.Throws<DeviceStateException>(() => other.Load(machine.Save())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LoadedMachine_GoesOnAsTheSavedOne()
    {
        using TestMachine machine = Make(out VirtioConsole console);
        VirtioDriver[] drivers = Use(machine, console);
        Assert.NotEqual(DeviceScheduler.Never, machine.Scheduler.NextDeadline); // requests are in flight
        Assert.Equal(3, console.InputWaiting);
        byte[] state = machine.Save();

        using TestMachine loaded = Make(out VirtioConsole loadedConsole);
        loaded.Clock.Nanoseconds = machine.Clock.Nanoseconds;
        loaded.CopyOutsideOf(machine);
        loaded.Load(state);
        Assert.Equal(state, loaded.Save());

        VirtioDriver[] moved = [.. drivers.Select(driver => driver.MovedTo(loaded))];
        GoOn(machine, console, drivers);
        GoOn(loaded, loadedConsole, moved);
        Assert.Equal(machine.Peek(0, (int)TestMachine.Bytes), loaded.Peek(0, (int)TestMachine.Bytes));
        Assert.Equal(machine.Save(), loaded.Save());
        Assert.Equal(machine.Lines.Select(line => line.Level), loaded.Lines.Select(line => line.Level));
        Assert.Equal(machine.Clock.Nanoseconds, loaded.Clock.Nanoseconds);
    }

    private static StateReader Written(Action<StateWriter> write)
    {
        MemoryStream stream = new();
        write(new StateWriter(stream));
        stream.Position = 0;
        return new StateReader(stream);
    }

    private static TestMachine Make(out VirtioConsole console)
    {
        console = new VirtioConsole(new ConsoleRecord(), 80, 25);
        byte[] disk = [.. Enumerable.Range(0, 8192).Select(i => (byte)(i * 5 / 3))];
        return new TestMachine(
            console,
            new VirtioNet([2, 0, 0, 0, 0, 1]),
            new VirtioBlock(new OverlayImage(new TestImage(disk))),
            new VirtioEntropy(new SeededEntropy(9)));
    }

    // Leaves everything in the middle: moved windows, half-read input, requests in flight, an interrupt not acknowledged.
    private static VirtioDriver[] Use(TestMachine machine, VirtioConsole console)
    {
        machine.Clock.Nanoseconds = 12_345;
        machine.WriteConfig(4, 0x10, 4, 0xD000_0000);
        VirtioDriver consoleDriver = new VirtioDriver(machine, 1).Start();
        console.Receive("abcdef"u8);
        consoleDriver.Queues[0].Submit(0, new Part(0x8000, 3, true));
        VirtioDriver disk = new VirtioDriver(machine, 3).Start();
        DiskRequest(disk, machine, 0, 1, 2);
        machine.Clock.Nanoseconds += 50_000;
        DiskRequest(disk, machine, 3, 0, 2);
        return [consoleDriver, disk];
    }

    private static void GoOn(TestMachine machine, VirtioConsole console, VirtioDriver[] drivers)
    {
        drivers[0].AcknowledgeInterrupt();
        drivers[0].Queues[0].Submit(1, new Part(0x8800, 64, true));
        console.Resize(100, 40);
        machine.RunTimers();
        DiskRequest(drivers[1], machine, 6, 1, 5);
        machine.RunTimers();
        VirtioDriver entropy = new VirtioDriver(machine, 4).Start();
        entropy.Queues[0].Submit(0, new Part(0x8900, 100, true));
    }

    private static void DiskRequest(VirtioDriver driver, TestMachine machine, int head, byte type, byte sector)
    {
        ulong header = 0x30000 + ((ulong)head * 0x1000);
        machine.Poke(header, type, 0, 0, 0, 0, 0, 0, 0, sector, 0, 0, 0, 0, 0, 0, 0);
        if (type == 1)
        {
            machine.Poke(header + 0x100, [.. Enumerable.Range(head, 512).Select(i => (byte)i)]);
        }

        driver.Queues[0].Submit(head, new Part(header, 16, false), new Part(header + 0x100, 512, type == 0), new Part(header + 0x20, 1, true));
    }
}
