using System.Text;
using Gnomon.Devices;
using Gnomon.Memory;
using Gnomon.Monitor;
using Gnomon.Shadow;

namespace Gnomon.Cpu.Rom.Tests.Running;

/// <summary>Gnomon's processor under the monitor of unmodified guests. The ROM lies in RAM, below 1 MiB only, and starts there.</summary>
internal static class MonitoredRunner
{
    private const ushort TextPort = 0xE9;
    private const ushort PostPort = 0x190;
    private const int MemoryMiB = 16;
    private const int LowRomBytes = 0x2_0000;
    private const uint LowRomEnd = 0x10_0000;
    private const uint SegmentBase = 0xF_0000;

    /// <summary>Runs a ROM.</summary>
    /// <param name="rom">The ROM.</param>
    /// <param name="model">The features it needs.</param>
    /// <param name="instructions">How many; an event counts as one.</param>
    /// <param name="mmu">How addresses are translated.</param>
    /// <param name="shadow">How the shadow tables behave.</param>
    /// <param name="slice">After how many instructions the tables are audited.</param>
    public static RomOutput Run(byte[] rom, CpuModel model, ulong instructions, MmuKind mmu, ShadowOptions shadow, ulong slice)
    {
        Writer text = new();
        Writer post = new();
        using HostMemory host = new(MemoryMiB + 64);
        using UnmodifiedGuest guest = new(host, new UnmodifiedOptions
        {
            Load = memory => Load(memory, rom),
            MemoryMiB = MemoryMiB,
            Mmu = mmu,
            Shadow = shadow,
            Clock = new VirtualClock(),
            Platform = site => MakePlatform(site, text, post),
            Profile = CpuProfile.Default with { NoExecute = model == CpuModel.NoExecute },
        });
        GuestStop stop;
        do
        {
            stop = guest.Run(Math.Min(slice, instructions - guest.Processor.Instructions));
            Assert.Null(guest.Mmu.Audit());
        }
        while (stop.Reason == GuestStopReason.Budget && guest.Processor.Instructions < instructions);

        RomEnd end = stop.Reason switch
        {
            GuestStopReason.Halted => RomEnd.Halted,
            GuestStopReason.Killed when stop.Text.StartsWith("triple fault", StringComparison.Ordinal) => RomEnd.Shutdown,
            GuestStopReason.Budget => RomEnd.TimedOut,
            _ => throw new InvalidOperationException(stop.ToString()),
        };
        return new RomOutput(Encoding.Latin1.GetString([.. text.Bytes]), post.Bytes, end);
    }

    private static Action<ProcessorRegisters> Load(GuestMemory memory, byte[] rom)
    {
        ReadOnlySpan<byte> low = rom.AsSpan(Math.Max(0, rom.Length - LowRomBytes));
        Assert.Equal(PageStatus.Ok, memory.Write(new Gpa(LowRomEnd - (uint)low.Length), low));
        return registers => registers.SetSegment(SegmentName.Cs, registers.Segment(SegmentName.Cs) with { Base = SegmentBase });
    }

    private static GuestPlatform MakePlatform(PlatformSite site, Writer text, Writer post)
    {
        PortBus ports = new();
        ports.Map(TextPort, 1, text);
        ports.Map(PostPort, 1, post);
        return new GuestPlatform { Ports = ports, Scheduler = new DeviceScheduler(site.Clock), Interrupts = new Silence() };
    }

    private sealed class Silence : IInterruptController
    {
        public bool HasInterrupt => false;

        public byte Acknowledge() => throw new InvalidOperationException("No interrupt was announced.");
    }

    private sealed class Writer : IPortDevice
    {
        public List<byte> Bytes { get; } = [];

        public void Read(int offset, Span<byte> data) => data.Fill(0xFF);

        public void Write(int offset, ReadOnlySpan<byte> data) => Bytes.Add(data[0]);
    }
}
