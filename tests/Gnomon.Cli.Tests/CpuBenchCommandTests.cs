using System.Text.Json;

namespace Gnomon.Cli.Tests;

public sealed class CpuBenchCommandTests
{
    [Theory]
    [InlineData("copy-sum")]
    [InlineData("list")]
    [InlineData("call")]
    [InlineData("adc")]
    [InlineData("page-fault-exit")]
    public void BenchCpu_Checked_IsRightAndAllocatesNothing(string name)
    {
        Ended ended = GnomonProcess.Run("bench", "cpu", "--quick", "--check", "--json", "--filter", name);

        Assert.Equal((0, ""), (ended.Status, ended.Error));
        JsonElement result = Assert.Single(JsonDocument.Parse(ended.Output).RootElement.GetProperty("results").EnumerateArray());
        Assert.Equal(name, result.GetProperty("operation").GetString());
        Assert.Equal(0, result.GetProperty("allocatedBytes").GetDouble());
        double nanoseconds = result.GetProperty("nanoseconds").GetDouble();
        Assert.Equal(1000, nanoseconds * result.GetProperty("millionsPerSecond").GetDouble(), nanoseconds * 1000 * 0.01);
    }

    [Fact]
    public void BenchCpu_Table_HasALineForEachThatIsChosen()
    {
        Ended ended = GnomonProcess.Run("bench", "cpu", "--quick", "--filter", "tlb");

        Assert.Equal((0, ""), (ended.Status, ended.Error));
        Assert.Equal(3, ended.Lines.Count(line => line.StartsWith("load, TLB ", StringComparison.Ordinal)));
    }
}
