using Gnomon.Memory;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon.MachineTests;

/// <summary>A machine that runs a kernel with processes, from its start to its end.</summary>
public sealed class SundialTests
{
    public static TheoryData<string, string> Runs
    {
        get
        {
            TheoryData<string, string> all = [];
            foreach (string image in (ReadOnlySpan<string>)["sundial", "sundial-pae"])
            {
                foreach (string paging in Pagings.Keys)
                {
                    all.Add(image, paging);
                }
            }

            return all;
        }
    }

    private static Dictionary<string, PagingOptions> Pagings { get; } = new()
    {
        ["default"] = new PagingOptions(),
        ["classic"] = PagingOptions.Classic,
        ["strict"] = new PagingOptions { Strict = true, Prefault = 8, Policy = new TracePolicy(TracePolicyKind.Clock, 0), Slots = 3 },
        ["lazy"] = new PagingOptions { Coherence = Coherence.Lazy },
    };

    [Theory]
    [MemberData(nameof(Runs))]
    public void Run_Sundial_ShutsDownWithEachCheckPassed(string image, string paging)
    {
        using Machine machine = Machine.Create(GuestFiles.Options(image) with { Paging = Pagings[paging] });
        Assert.Equal(RunStop.Ended, machine.Run());
        Assert.Equal((MachineEndReason.Shutdown, machine.Console.Output.Split('\n')[^2]), (machine.End!.Reason, machine.End.Text));
        Assert.DoesNotContain("FAILED", machine.Console.Output, StringComparison.OrdinalIgnoreCase);
        Assert.Null(machine.PageTables.Audit());
        Assert.Equal(image == "sundial" ? "two-level" : "pae", machine.PageTables.Format);
    }

    [Fact]
    public void Start_Sundial_EndsOnItsOwnThread()
    {
        using Machine machine = Machine.Create(GuestFiles.Options("sundial"));
        machine.Start();
        Assert.True(machine.Console.WaitForText("ring 1", TimeSpan.FromSeconds(30)));
        MachineEnd? end = machine.WaitForEnd(TimeSpan.FromMinutes(1));
        Assert.Equal(MachineEndReason.Shutdown, end?.Reason);
        Assert.False(machine.IsRunning);
        Assert.Equal(RunStop.Ended, machine.Run());
    }
}
