using Gnomon.Cpu.Rom.Tests.Running;
using Gnomon.Cpu.Rom.Tests.Scenarios;

namespace Gnomon.Cpu.Rom.Tests;

public sealed class RomTests
{
    [Fact]
    public void Try()
    {
        byte[] rom = RomImage.Build("segment-loads", SegmentLoads.Write);
        File.WriteAllBytes("/tmp/rt/s.rom", rom);
        RomOutput q = new QemuRunner(Oracle.Tool("qemu-system-i386")).Run(rom, CpuModel.PentiumIII, TimeSpan.FromSeconds(5));
        Console.WriteLine(q.Text + q.End + string.Join(' ', q.PostCodes));
        RomOutput b = new BochsRunner(Oracle.Tool("bochs")).Run(rom, CpuModel.PentiumIII, TimeSpan.FromSeconds(5));
        Console.WriteLine(b.Text + b.End + string.Join(' ', b.PostCodes));
    }
}
