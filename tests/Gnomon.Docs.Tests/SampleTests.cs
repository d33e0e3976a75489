using Gnomon.Docs.Tests.Samples;

namespace Gnomon.Docs.Tests;

/// <summary>The README's sample runs, and prints what the README says.</summary>
public sealed class SampleTests
{
    [Fact]
    public void FirstShadow_Run_PrintsWhatTheReadmeShows()
    {
        using StringWriter output = new() { NewLine = "\n" };
        FirstShadow.Run(output);
        Assert.Contains($"\n```text\n{output}```\n", Documents.Read("README.md"), StringComparison.Ordinal);
    }
}
