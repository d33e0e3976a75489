using Gnomon.Cpu.Rom.Tests.Running;
using Gnomon.Cpu.Rom.Tests.Scenarios;

namespace Gnomon.Cpu.Rom.Tests;

/// <summary>Gnomon's processor against the lines that a correct one prints.</summary>
public sealed class GnomonTests
{
    private const long Instructions = 20_000_000;
    private const long InstructionsOfDamaged = 300_000;
    private const int DamagedRoms = 60;

    public static TheoryData<string> Roms => [.. RomFamily.All.Select(family => family.Name)];

    [Theory]
    [MemberData(nameof(Roms))]
    public void Run_OnGnomon_PrintsTheExpectedLines(string rom)
    {
        RomFamily family = RomFamily.Named(rom);
        RomOutput output = Run(family, family.Image(), Instructions, 100_000).Output;
        IReadOnlyList<string> wrong = ExpectedLines.Wrong(rom, output.Lines);
        Assert.True(wrong.Count == 0 && output.End == family.End,
            $"{rom}: {wrong.Count} wrong of {output.Lines.Count}, end {output.End}\n{string.Join('\n', wrong)}");
        Assert.Equal(RomImage.FirstPost, output.PostCodes[0]);
        if (family.End == RomEnd.Halted)
        {
            Assert.Equal(RomImage.LastPost, output.PostCodes[^1]);
        }
    }

    [Theory]
    [MemberData(nameof(Roms))]
    public void Run_OneInstructionAtATime_EndsInTheSameState(string rom)
    {
        RomFamily family = RomFamily.Named(rom);
        AssertSame(rom, Run(family, family.Image(), Instructions, 100_000), Run(family, family.Image(), Instructions, 1));
    }

    [Fact]
    public void Run_DamagedRoms_NeverThrowsNeverHangs_AndDoesNotDependOnTheSlices()
    {
        int runs = TestSettings.Steps(DamagedRoms);
        int ended = 0;
        for (int seed = 1; seed <= runs; seed++)
        {
            Random random = new(seed);
            RomFamily family = RomFamily.All[random.Next(RomFamily.All.Count)];
            byte[] image = family.Image();
            Damage(image, random);
            string what = $"seed {seed}, {family}";
            GnomonRun whole = Run(family, image, InstructionsOfDamaged, (int)InstructionsOfDamaged);
            AssertSame(what, whole, Run(family, image, InstructionsOfDamaged, 1 + random.Next(30)));
            ended += whole.Output.End == family.End ? 1 : 0;
        }

        // Damage that always, or never, ended a run at once would test nothing.
        Assert.InRange(ended, 1, runs - 1);
    }

    // Bytes anywhere in what is not the zeros between code, tables and the reset vector.
    private static void Damage(byte[] image, Random random)
    {
        int[] used = [.. Enumerable.Range(0, image.Length).Where(at => image[at] != 0)];
        for (int count = random.Next(1, 200); count > 0; count--)
        {
            int at = used[random.Next(used.Length)];
            image[at] = random.Next(2) == 0 ? (byte)random.Next(256) : (byte)(image[at] ^ (1 << random.Next(8)));
        }
    }

    private static GnomonRun Run(RomFamily family, byte[] image, long instructions, int slice) =>
        GnomonRunner.Run(image, family.Model, instructions, () => slice);

    private static void AssertSame(string what, GnomonRun one, GnomonRun other)
    {
        Assert.True(one.Output.Text == other.Output.Text, $"{what}: the texts differ");
        Assert.Equal(one.Output.PostCodes, other.Output.PostCodes);
        Assert.Equal((what, one.Output.End, one.Instructions, one.Registers), (what, other.Output.End, other.Instructions, other.Registers));
        Assert.True(one.Memory == other.Memory, $"{what}: the memories differ");
    }
}
