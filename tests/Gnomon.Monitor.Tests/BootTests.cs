using Gnomon.Monitor.Tests.Fixture;

namespace Gnomon.Monitor.Tests;

public sealed class BootTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Shutdown_AfterInit_EndsWithTheText(bool pae)
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.ShutDown();
        using TinyMachine machine = new(kernel, pae);
        GuestStop stop = machine.Run();
        Assert.Equal((GuestStopReason.Shutdown, "all is well"), (stop.Reason, stop.Text));
    }
}
