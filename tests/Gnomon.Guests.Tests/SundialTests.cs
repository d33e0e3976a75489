using Gnomon.Guests.Tests.Paper;

namespace Gnomon.Guests.Tests;

/// <summary>Sundial on the paper host: every check, in both formats.</summary>
public sealed class SundialTests
{
    [Theory]
    [InlineData("sundial", false)]
    [InlineData("sundial-pae", true)]
    public void Run_OnThePaperHost_PassesEveryCheck(string image, bool pae)
    {
        using PaperMachine machine = new(GuestImage.Bytes(image), pae, "", disk: new byte[64 * 512]);
        PaperEnd end = machine.Run(2_000_000_000);
        Console.WriteLine($"{end.Kind}: {end.Text}\n{end.Console}\n{machine.Cpu.Instructions} {machine.Cpu.Registers.Eip:x}");
        Assert.Equal("shutdown", end.Kind);
    }
}
