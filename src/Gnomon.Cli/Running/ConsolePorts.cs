using System.Globalization;
using System.Text;
using Gnomon.Cpu.Bare;

namespace Gnomon.Cli.Running;

/// <summary>The ports of a machine on the console: progress codes and text go out, and nothing comes in.</summary>
internal sealed class ConsolePorts(TextWriter output) : IPortBus
{
    /// <summary>A byte written here is printed as a line <c>POST xx</c>.</summary>
    public const ushort Post = 0x190;

    /// <summary>A byte written here is text, UTF-8.</summary>
    public const ushort Text = 0xE9;

    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();
    private bool _inLine;
    private bool _written;

    /// <inheritdoc/>
    public uint Read(ushort port, int size) => uint.MaxValue;

    /// <inheritdoc/>
    public void Write(ushort port, int size, uint value)
    {
        // Both are a byte wide: of a wider access the byte that falls on them counts.
        for (int i = 0; i < size; i++)
        {
            byte part = (byte)(value >> (8 * i));
            switch (port + i)
            {
                case Post:
                    EndLine();
                    output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"POST {part:X2}"));
                    _written = true;
                    break;
                case Text:
                    WriteText(part);
                    break;
            }
        }
    }

    /// <summary>Hands on what was written since the last call.</summary>
    public void Flush()
    {
        if (_written)
        {
            output.Flush();
            _written = false;
        }
    }

    /// <summary>Ends a line of text that was begun.</summary>
    public void EndLine()
    {
        if (_inLine)
        {
            output.WriteLine();
            _inLine = false;
        }
    }

    private void WriteText(byte part)
    {
        Span<char> text = stackalloc char[4];
        int count = _decoder.GetChars([part], text, flush: false);
        if (count > 0)
        {
            output.Write(text[..count]);
            _inLine = text[count - 1] != '\n';
            _written = true;
        }
    }
}
