using Gnomon.Docs.Tests.Samples;

namespace Gnomon.Docs.Tests;

/// <summary>The README's samples run, and print what the README says; the programs that the documents run are those of their sources.
/// GNOMON_APPROVE=1 writes these programs instead.</summary>
public sealed class SampleTests
{
    [Fact]
    public void FirstShadow_Run_PrintsWhatTheReadmeShows() => AssertShown(FirstShadow.Run);

    [Fact]
    public void FirstProcessor_Run_PrintsWhatTheReadmeShows() => AssertShown(FirstProcessor.Run);

    [Fact]
    public void FirstMachine_Run_PrintsWhatTheReadmeShows() => AssertShown(FirstMachine.Run);

    [Fact]
    public void HelloFlat_InTheRepository_IsWhatItsSourceAssemblesTo() => AssertFile(HelloFlat.Path, HelloFlat.Assemble());

    [Fact]
    public void HelloRom_InTheRepository_IsWhatItsSourceAssemblesTo() => AssertFile(HelloRom.Path, HelloRom.Assemble());

    private static void AssertShown(Action<TextWriter> sample)
    {
        using StringWriter output = new() { NewLine = "\n" };
        sample(output);
        bool shown = Documents.Read("README.md").Contains($"\n```text\n{output}```\n", StringComparison.Ordinal);
        Assert.True(shown, $"the README does not show what its sample prints:\n{output}");
    }

    private static void AssertFile(string path, byte[] bytes)
    {
        string file = Documents.PathTo(path);
        if (Environment.GetEnvironmentVariable("GNOMON_APPROVE") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllBytes(file, bytes);
            return;
        }

        Assert.True(
            File.Exists(file) && File.ReadAllBytes(file).AsSpan().SequenceEqual(bytes),
            $"{path} is not what its source assembles to; GNOMON_APPROVE=1 ./build test Docs writes it again");
    }
}
