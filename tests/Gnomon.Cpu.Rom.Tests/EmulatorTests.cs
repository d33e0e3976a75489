using Gnomon.Cpu.Rom.Tests.Comparing;
using Gnomon.Cpu.Rom.Tests.Running;
using Gnomon.Cpu.Rom.Tests.Scenarios;

namespace Gnomon.Cpu.Rom.Tests;

/// <summary>The two emulators against each other, the table of differences, and the lines that a processor is held to.</summary>
public sealed class EmulatorTests(EmulatorRuns runs) : IClassFixture<EmulatorRuns>
{
    public static TheoryData<string> Roms => [.. RomFamily.All.Select(family => family.Name)];

    [Theory]
    [MemberData(nameof(Roms))]
    public void Run_UnderEachEmulator_ComesToItsEnd(string rom)
    {
        Require();
        RomFamily family = RomFamily.Named(rom);
        (RomOutput bochs, RomOutput qemu) = runs[rom];
        foreach ((string name, RomOutput output) in ((string, RomOutput)[])[("Bochs", bochs), ("QEMU", qemu)])
        {
            Assert.True(output.End == family.End, $"{name} ended {rom} with {output.End} after: {output.Text[Math.Max(0, output.Text.Length - 200)..]}");
            Assert.Equal($"rom {rom}", output.Lines[0]);
            if (family.End == RomEnd.Halted)
            {
                Assert.Equal($"end {rom}", output.Lines[^1]);
                Assert.Equal(RomImage.LastPost, output.PostCodes[^1]);
            }
        }
        Assert.Equal(bochs.PostCodes, qemu.PostCodes);
    }

    [Theory]
    [MemberData(nameof(Roms))]
    public void Lines_OfBothEmulators_DifferOnlyWhereTheTableSays(string rom)
    {
        Require();
        Comparison comparison = runs.Compare(rom);
        HashSet<string> listed = [.. Differences.All.Where(one => one.Rom == rom).SelectMany(one => one.Scenarios)];
        HashSet<string> differing = [.. comparison.Differing];
        IEnumerable<string> unknown = differing.Except(listed).Select(name => $"not in the table:\nBochs {comparison.Bochs(name)}\nQEMU  {comparison.Qemu(name)}");
        IEnumerable<string> gone = listed.Except(differing).Select(name => $"no difference any more: {name}");
        Assert.True(listed.SetEquals(differing), string.Join('\n', unknown.Concat(gone)));
    }

    [Theory]
    [MemberData(nameof(Roms))]
    public void Lines_WithTheCodeElsewhere_AreTheSame(string rom)
    {
        Require();
        RomFamily family = RomFamily.Named(rom);
        // No line may say where the code lies, or every change of a ROM would change all that follows.
        Assert.Equal(runs[rom].Qemu.Lines, EmulatorRuns.RunQemu(family, family.Image(shift: 0x123)).Lines);
    }

    [Theory]
    [MemberData(nameof(Roms))]
    public void ExpectedLines_InTheRepository_AreThoseOfTheEmulators(string rom)
    {
        Require();
        AssertFile(ExpectedLines.PathOf(rom), runs.Compare(rom).Expected(Differences.All, Corrections.All));
    }

    [Theory]
    [MemberData(nameof(Roms))]
    public void ExpectedLines_AgainstEachEmulator_FindItsDeviationsOnly(string rom)
    {
        Require();
        (RomOutput bochs, RomOutput qemu) = runs[rom];
        Assert.Equal(Deviations(rom, Deviates.Bochs), ExpectedLines.Wrong(rom, bochs.Lines).Count);
        Assert.Equal(Deviations(rom, Deviates.Qemu), ExpectedLines.Wrong(rom, qemu.Lines).Count);
    }

    [Fact]
    public void Document_OfDifferences_IsWhatTheEmulatorsDo()
    {
        Require();
        Dictionary<string, Comparison> comparisons = RomFamily.All.ToDictionary(family => family.Name, family => runs.Compare(family.Name));
        AssertFile(DifferencesDocument.Path, DifferencesDocument.Write(Differences.All, Corrections.All, comparisons));
    }

    private static int Deviations(string rom, Deviates who) =>
        Differences.All.Where(one => one.Rom == rom && one.Deviates == who).SelectMany(one => one.Scenarios)
            .Union(Corrections.All.Where(one => one.Rom == rom && one.Kind != CorrectionKind.Open).SelectMany(one => one.Scenarios))
            .Count();

    // Both are needed by every test here; asked for first, so that what is missing skips the test by its name.
    private static void Require()
    {
        Oracle.Tool("bochs");
        Oracle.Tool("qemu-system-i386");
    }

    private static void AssertFile(string path, string actual)
    {
        string file = Path.Combine(ExpectedLines.Root, path);
        if (!File.Exists(file) || File.ReadAllText(file).ReplaceLineEndings("\n") != actual)
        {
            string written = Path.Combine(ExpectedLines.Root, "artifacts", "roms", path);
            Directory.CreateDirectory(Path.GetDirectoryName(written)!);
            File.WriteAllText(written, actual);
            Assert.Fail($"{path} is not what the emulators print; if that is meant, cp -r artifacts/roms/. .");
        }
    }
}
