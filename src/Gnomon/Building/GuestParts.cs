using Gnomon.Devices;
using Gnomon.Memory;
using Gnomon.Monitor;

namespace Gnomon;

/// <summary>A guest with all that it stands on, and the outer ends of its devices: what is different from one kind of guest to the other.</summary>
internal abstract class GuestParts : IDisposable
{
    /// <summary>The guest.</summary>
    public abstract IGuest Guest { get; }

    /// <summary>The frames that it uses.</summary>
    public abstract HostMemory Host { get; }

    /// <summary>Gives the console's device input. With the guest's lock held.</summary>
    /// <returns>How many bytes it took.</returns>
    public abstract int Type(ReadOnlySpan<byte> bytes);

    /// <summary>Tells the console's device the terminal's size. With the guest's lock held.</summary>
    public abstract void Resize(ushort columns, ushort rows);

    /// <summary>Writes the state of all devices. With the guest's lock held.</summary>
    public abstract void SaveDevices(StateWriter writer);

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Builds a guest.</summary>
    /// <param name="options">What it is made of.</param>
    /// <param name="output">Takes what it writes to its console.</param>
    /// <param name="listener">Hears of failures of the host.</param>
    public static GuestParts Build(MachineOptions options, IConsoleOutput output, IDeviceListener listener) => options.Guest switch
    {
        Shadow.GuestKind.Paravirtual => new ParavirtualParts(options, output, listener),
        _ => new PcParts(options, output, listener),
    };

    /// <summary>The machine's clock.</summary>
    protected static MachineClock ClockOf(MachineOptions options) => options.RealTime is { } time
        ? new RealClock(time)
        : new VirtualClock(options.NanosecondsPerInstruction, options.Date);

    /// <summary>How much memory the host has for the guest: its own, the shadow tables with what is remembered beside them, and some
    /// for the rest.</summary>
    protected static int HostMiB(MachineOptions options)
    {
        const int rest = 32;
        const int tableBytes = 2 * PageSize.Bytes;
        int tables = options.Paging.TableBudget > 0 ? options.Paging.TableBudget : Shadow.ShadowOptions.DefaultTableBudget;
        return (int)Math.Min(HostMemory.MaxLimitMiB, options.MemoryMiB + rest + (((long)tables * tableBytes) >> 20));
    }
}
