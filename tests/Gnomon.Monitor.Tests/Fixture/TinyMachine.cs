using System.Buffers.Binary;
using System.Text;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Monitor.Tests.Fixture;

/// <summary>A host with one guest that runs a <see cref="TinyKernel"/>; the guest's data page and identity tables are written beforehand.</summary>
internal sealed class TinyMachine : IDisposable
{
    public const uint Directory = 0x2_0000;
    public const int MemoryMiB = 4;

    /// <summary>Where the first 4 MiB are mapped a second time, through tables of their own: the kernel's half.</summary>
    public const uint KernelHalf = 0xC000_0000;

    private const uint MiddleTable = 0x2_1000;
    private const uint LeafTable = 0x2_2000;
    private const uint KernelMiddleTable = 0x2_4000;
    private const uint KernelLeafTable = 0x2_5000;
    /// <summary>Dirty, accessed, user, writable, present.</summary>
    public const uint EntryFlags = 0x67;

    public TinyMachine(TinyKernel kernel, bool pae = false, Func<ParavirtualOptions, ParavirtualOptions>? change = null, int hostCpus = 1)
    {
        IsPae = pae;
        Kernel = kernel;
        Host = new HostMemory(64);
        Switcher = new SwitcherHost(Host, hostCpus);
        ParavirtualOptions options = new()
        {
            Kernel = KernelImage.Parse(kernel.Build()),
            MemoryMiB = MemoryMiB,
            Pae = pae,
            Clock = new VirtualClock(),
        };
        Guest = new ParavirtualGuest(Host, Switcher, change is null ? options : change(options));
        Prepare();
    }

    /// <summary>A machine whose clock and kernel a test makes.</summary>
    public static TinyMachine Of(Action<TinyKernel> write, bool pae = false, Func<ParavirtualOptions, ParavirtualOptions>? change = null, int hostCpus = 1)
    {
        TinyKernel kernel = new();
        write(kernel);
        return new TinyMachine(kernel, pae, change, hostCpus);
    }

    public bool IsPae { get; }

    public HostMemory Host { get; }

    public SwitcherHost Switcher { get; }

    public ParavirtualGuest Guest { get; }

    /// <summary>What the CPU sees of the host.</summary>
    public HostView View => new(this);

    /// <summary>The kernel.</summary>
    public TinyKernel Kernel { get; }

    /// <summary>Runs to the guest's end, or until it waits.</summary>
    public GuestStop Run(ulong instructions = 200_000)
    {
        GuestStop stop = Guest.Run(instructions);
        Assert.Null(stop.Reason == GuestStopReason.Killed ? null : Guest.Mmu.Audit());
        return stop;
    }

    /// <summary>Runs to a shutdown; anything else fails the test with the reason.</summary>
    public void RunToShutdown(ulong instructions = 200_000)
    {
        GuestStop stop = Run(instructions);
        Assert.True(stop.Reason == GuestStopReason.Shutdown, $"{stop} {string.Join(' ', Guest.RecentFaults)}");
    }

    /// <summary>Runs to a death, and says why.</summary>
    public string RunToDeath(ulong instructions = 200_000)
    {
        GuestStop stop = Guest.Run(instructions);
        Assert.Equal(GuestStopReason.Killed, stop.Reason);
        Assert.Equal(stop, Guest.Run(1));
        return stop.Text;
    }

    /// <summary>Runs until the guest waits.</summary>
    public void RunToHalt(ulong instructions = 200_000)
    {
        GuestStop stop = Run(instructions);
        Assert.True(stop.Reason == GuestStopReason.Halted, $"{stop} {string.Join(' ', Guest.RecentFaults)}");
    }

    /// <summary>A field of the guest's data page.</summary>
    public uint Data(uint offset) => Read32(TinyKernel.Data + offset);

    /// <summary>What the kernel kept.</summary>
    public uint Kept(int index) => Read32(TinyKernel.Results + ((uint)index * 4));

    public uint Read32(uint address)
    {
        Span<byte> bytes = stackalloc byte[4];
        Assert.Equal(PageStatus.Ok, Guest.Memory.Read(new Gpa(address), bytes));
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes);
    }

    public void Write32(uint address, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        Assert.Equal(PageStatus.Ok, Guest.Memory.Write(new Gpa(address), bytes));
    }

    /// <summary>Writes an entry of the leaf table.</summary>
    public void WriteEntry(uint address, uint entry) => Write32(EntryAddress(address), entry);

    /// <summary>Where the leaf entry of an address lies.</summary>
    public uint EntryAddress(uint address) => (address >= KernelHalf ? KernelLeafTable : LeafTable) + (((address & 0x3F_FFFF) >> PageSize.Shift) * (IsPae ? 8u : 4u));

    public void Dispose()
    {
        Guest.Dispose();
        Switcher.Dispose();
        Assert.Equal(0, Host.FramesInUse);
        Host.Dispose();
    }

    /// <summary>Writes what the tests rely on: the data page, the tables, a text. Again after a restart.</summary>
    public void Prepare()
    {
        byte[] free = new byte[64];
        free.AsSpan().Fill(0xFF);
        Guest.Memory.Write(new Gpa(TinyKernel.Data + 24), free);
        Write32(TinyKernel.Data + 1376, 0xFFFF_FFFF);
        Write32(TinyKernel.Data + 1380, 0xC000_0000);
        Write32(TinyKernel.Data + 1384, 0x80);
        Guest.Memory.Write(new Gpa(TinyKernel.Text), Encoding.ASCII.GetBytes("all is well\0not this"));

        // The first 4 MiB as they are, for everyone, and once more where a kernel lives.
        if (IsPae)
        {
            Write32(Directory, MiddleTable | 1);
            Write32(Directory + 24, KernelMiddleTable | 1);
            Write32(MiddleTable, LeafTable | EntryFlags);
            Write32(MiddleTable + 8, (LeafTable + 0x1000) | EntryFlags);
            Write32(KernelMiddleTable, KernelLeafTable | EntryFlags);
            Write32(KernelMiddleTable + 8, (KernelLeafTable + 0x1000) | EntryFlags);
        }
        else
        {
            Write32(Directory, LeafTable | EntryFlags);
            Write32(Directory + (768 * 4), KernelLeafTable | EntryFlags);
        }

        for (uint page = 0; page < 1024; page++)
        {
            WriteEntry(page << PageSize.Shift, (page << PageSize.Shift) | EntryFlags);
            WriteEntry(KernelHalf + (page << PageSize.Shift), (page << PageSize.Shift) | EntryFlags);
        }
    }
}
