using Gnomon.Cpu.Rom.Tests.Running;
using Gnomon.Cpu.Rom.Tests.Scenarios;

namespace Gnomon.Cpu.Rom.Tests;

/// <summary>Gnomon's processor against the lines that a correct one prints.</summary>
public sealed class GnomonTests
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(20);

    public static TheoryData<string> Roms => [.. RomFamily.All.Select(family => family.Name)];

    [Theory]
    [MemberData(nameof(Roms))]
    public void Run_OnGnomon_PrintsTheExpectedLines(string rom)
    {
        RomFamily family = RomFamily.Named(rom);
        RomOutput output = new GnomonRunner().Run(family.Image(), family.Model, Timeout);
        IReadOnlyList<string> wrong = ExpectedLines.Wrong(rom, output.Lines);
        Assert.True(wrong.Count == 0 && output.End == family.End,
            $"{rom}: {wrong.Count} wrong of {output.Lines.Count}, end {output.End}\n{string.Join('\n', wrong)}");
        byte[] posts = [.. output.PostCodes];
        Assert.Equal(RomImage.FirstPost, posts[0]);
        if (family.End == RomEnd.Halted)
        {
            Assert.Equal(RomImage.LastPost, posts[^1]);
        }
    }
}
