namespace Gnomon.Devices.Tests.Fixture;

/// <summary>An interrupt line that counts how often it went up, and sees that nobody raises what is up.</summary>
internal sealed class TestLine : IInterruptLine
{
    public bool Level { get; set; }

    public int Raised { get; private set; }

    public void Raise()
    {
        Assert.False(Level, "raised twice");
        Level = true;
        Raised++;
    }

    public void Lower()
    {
        Assert.True(Level, "lowered twice");
        Level = false;
    }
}
