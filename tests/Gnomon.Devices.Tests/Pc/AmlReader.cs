using System.Buffers.Binary;
using System.Text;

namespace Gnomon.Devices.Tests.Pc;

/// <summary>Reads the objects of a definition block, as the chapter on ACPI Machine Language defines them, into a tree of names and values.</summary>
internal sealed class AmlReader
{
    private readonly byte[] _code;
    private int _at;

    public AmlReader(ReadOnlySpan<byte> code)
    {
        _code = code.ToArray();
        ReadTerms(_code.Length, "\\");
    }

    /// <summary>The values of all named objects by their full names; a number is a ulong, a package a List, a buffer bytes.</summary>
    public Dictionary<string, object> Names { get; } = [];

    public List<string> Devices { get; } = [];

    private void ReadTerms(int end, string scope)
    {
        while (_at < end)
        {
            switch (_code[_at++])
            {
                case 0x08:
                    string name = ReadName(scope);
                    Names.Add(name, ReadValue());
                    break;
                case 0x10:
                    int scopeEnd = ReadLength();
                    ReadTerms(scopeEnd, ReadName(scope));
                    break;
                case 0x5B:
                    Assert.Equal(0x82, _code[_at++]);
                    int deviceEnd = ReadLength();
                    string device = ReadName(scope);
                    Devices.Add(device);
                    ReadTerms(deviceEnd, device);
                    break;
                default:
                    Assert.Fail($"operation {_code[_at - 1]:x2} at {_at - 1}");
                    break;
            }
        }

        Assert.Equal(end, _at);
    }

    private object ReadValue()
    {
        byte op = _code[_at++];
        switch (op)
        {
            case 0 or 1:
                return (ulong)op;
            case 0x0A:
                return ReadNumber(1);
            case 0x0B:
                return ReadNumber(2);
            case 0x0C:
                return ReadNumber(4);
            case 0x0E:
                return ReadNumber(8);
            case 0x0D:
                int zero = Array.IndexOf(_code, (byte)0, _at);
                string text = Encoding.ASCII.GetString(_code, _at, zero - _at);
                _at = zero + 1;
                return text;
            case 0x11:
                int bufferEnd = ReadLength();
                int size = (int)(ulong)ReadValue();
                Assert.Equal(bufferEnd, _at + size);
                _at = bufferEnd;
                return _code[(bufferEnd - size)..bufferEnd];
            case 0x12:
                int end = ReadLength();
                int count = _code[_at++];
                List<object> elements = [];
                while (_at < end)
                {
                    elements.Add(ReadValue());
                }

                Assert.Equal(end, _at);
                Assert.Equal(count, elements.Count);
                return elements;
            default:
                Assert.Fail($"value {op:x2} at {_at - 1}");
                return 0;
        }
    }

    private ulong ReadNumber(int length)
    {
        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        _code.AsSpan(_at, length).CopyTo(bytes);
        _at += length;
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    private int ReadLength()
    {
        int start = _at;
        int first = _code[_at++];
        int more = first >> 6;
        int length = more == 0 ? first & 63 : first & 15;
        for (int i = 0; i < more; i++)
        {
            length += _code[_at++] << (4 + (8 * i));
        }

        return start + length;
    }

    private string ReadName(string scope)
    {
        bool root = _code[_at] == '\\';
        _at += root ? 1 : 0;
        int count = 1;
        if (_code[_at] == 0x2E)
        {
            _at++;
            count = 2;
        }
        else if (_code[_at] == 0x2F)
        {
            count = _code[_at + 1];
            _at += 2;
        }

        string name = root ? "\\" : scope;
        for (int i = 0; i < count; i++)
        {
            string segment = Encoding.ASCII.GetString(_code, _at, 4);
            Assert.Matches("^[A-Z_][A-Z0-9_]{3}$", segment);
            name += (name.Length > 1 ? "." : "") + segment;
            _at += 4;
        }

        return name;
    }
}
