using System.Runtime.InteropServices;
using Iced.Intel;

namespace Gnomon.Cpu.Rom.Tests.Assembly;

/// <summary>
/// Writes one 64 KiB ROM that lies at 0xF0000 (and below 4 GiB). Code goes to where <see cref="Here"/> is, data behind all code.
/// Symbols may be used before they are defined: the source runs until no symbol moves any more.
/// </summary>
internal sealed class RomWriter
{
    /// <summary>The linear address of the first byte of the ROM, and the base of the real-mode segment F000.</summary>
    public const uint Base = 0xF0000;

    /// <summary>The size of the ROM in bytes.</summary>
    public const int Size = 0x10000;

    private const int ResetVector = 0xFFF0;
    private const int MostPasses = 20;
    private readonly Dictionary<string, uint> _symbols;
    private readonly Dictionary<string, uint> _defined = [];
    private readonly List<byte> _code = [];
    private readonly List<byte> _data = [];
    private readonly uint _dataStart;
    private Assembler _asm = new(32);

    private RomWriter(Dictionary<string, uint> symbols, uint dataStart)
    {
        _symbols = symbols;
        _dataStart = dataStart;
    }

    /// <summary>The assembler of the present position and mode.</summary>
    public Assembler Asm => _asm;

    /// <summary>The linear address of the next byte of code. Ends the present run of instructions.</summary>
    public uint Here
    {
        get
        {
            Flush();
            return Base + (uint)_code.Count;
        }
    }

    /// <summary>The linear address of a symbol, as of the pass before.</summary>
    public uint this[string symbol] => _symbols.GetValueOrDefault(symbol, Base + 0x8000);

    /// <summary>The offset of a symbol in the segment F000.</summary>
    public ushort Offset(string symbol) => (ushort)this[symbol];

    /// <summary>Gives the present position a name.</summary>
    /// <exception cref="InvalidOperationException">The name is taken.</exception>
    public void Define(string symbol)
    {
        if (!_defined.TryAdd(symbol, Here))
        {
            throw new InvalidOperationException($"The symbol {symbol} is defined twice.");
        }
    }

    /// <summary>From here on the code is for segments of <paramref name="bitness"/> bits: 16 or 32.</summary>
    public void Bits(int bitness)
    {
        Flush();
        _asm = new Assembler(bitness);
    }

    /// <summary>Puts bytes behind the code, at a multiple of four, and returns their linear address.</summary>
    public uint Data(params ReadOnlySpan<byte> bytes)
    {
        while (_data.Count % 4 != 0)
        {
            _data.Add(0);
        }
        uint address = _dataStart + (uint)_data.Count;
        _data.AddRange(bytes);
        return address;
    }

    /// <summary>Changes a double word that <see cref="Data"/> or <see cref="Words"/> put at <paramref name="address"/>.</summary>
    public void Patch(uint address, uint value) =>
        BitConverter.TryWriteBytes(CollectionsMarshal.AsSpan(_data).Slice((int)(address - _dataStart), 4), value);

    /// <summary>Puts double words behind the code and returns their linear address.</summary>
    public uint Words(params ReadOnlySpan<uint> words)
    {
        byte[] bytes = new byte[words.Length * 4];
        for (int index = 0; index < words.Length; index++)
        {
            BitConverter.TryWriteBytes(bytes.AsSpan(index * 4), words[index]);
        }
        return Data(bytes);
    }

    /// <summary>Assembles <paramref name="source"/>; the processor starts at its symbol <c>reset</c>, in real mode.</summary>
    /// <exception cref="InvalidOperationException">The ROM is too long, or its symbols never come to rest.</exception>
    public static byte[] Assemble(Action<RomWriter> source)
    {
        Dictionary<string, uint> symbols = [];
        uint dataStart = Base + 0x8000;
        for (int pass = 0; pass < MostPasses; pass++)
        {
            RomWriter writer = new(symbols, dataStart);
            source(writer);
            uint end = (writer.Here + 15) & ~15u;
            if (end == dataStart && writer._defined.Count == symbols.Count && writer._defined.All(one => symbols[one.Key] == one.Value))
            {
                return writer.Image();
            }
            (symbols, dataStart) = (writer._defined, end);
        }
        throw new InvalidOperationException("The symbols of the ROM do not come to rest.");
    }

    private byte[] Image()
    {
        byte[] image = new byte[Size];
        image.AsSpan().Fill(0xF4);
        int dataAt = (int)(_dataStart - Base);
        if (dataAt + _data.Count > ResetVector)
        {
            throw new InvalidOperationException($"The ROM is {dataAt + _data.Count - ResetVector} bytes too long.");
        }
        _code.CopyTo(image);
        _data.CopyTo(image, dataAt);
        ushort entry = Offset("reset");
        ReadOnlySpan<byte> jump = [0xEA, (byte)entry, (byte)(entry >> 8), 0x00, 0xF0]; // JMP F000:reset
        jump.CopyTo(image.AsSpan(ResetVector));
        return image;
    }

    private void Flush()
    {
        if (_asm.Instructions.Count == 0)
        {
            return;
        }
        using MemoryStream bytes = new();
        uint address = Base + (uint)_code.Count;
        _asm.Assemble(new StreamCodeWriter(bytes), _asm.Bitness == 16 ? address & 0xFFFF : address);
        _code.AddRange(bytes.ToArray());
        _asm = new Assembler(_asm.Bitness);
    }
}
