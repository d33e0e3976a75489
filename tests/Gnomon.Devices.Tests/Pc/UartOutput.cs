using System.Text;

namespace Gnomon.Devices.Tests.Pc;

/// <summary>The far end of a serial port.</summary>
internal sealed class UartOutput : IConsoleOutput, IDeviceListener
{
    private readonly StringBuilder _text = new();

    public string Text => _text.ToString();

    public int Writes { get; private set; }

    public int Failures { get; private set; }

    public bool Fails { get; set; }

    /// <summary>Keeps nothing, and so allocates nothing.</summary>
    public bool Silent { get; set; }

    public void Write(ReadOnlySpan<byte> bytes)
    {
        if (Fails)
        {
            throw new IOException("the pipe is broken");
        }

        Writes++;
        if (Silent)
        {
            return;
        }

        _text.Append(Encoding.Latin1.GetString(bytes));
    }

    public void HostFailed(string device, string message) => Failures++;

    public void GuestBrokeRules(string device, string message) => Assert.Fail(message);
}
