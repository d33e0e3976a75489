namespace Gnomon.Cpu.Tests;

/// <summary>Where an instruction's operand lies.</summary>
internal enum Place
{
    Register,

    /// <summary>DS, flat.</summary>
    Flat,

    /// <summary>FS, with a base.</summary>
    Segmented,

    /// <summary>DS, with bytes on both sides of a page's end, and no translation known.</summary>
    Crossing,
}

/// <summary>An operand.</summary>
/// <param name="Place">Where.</param>
/// <param name="Number">Which register.</param>
internal readonly record struct Operand(Place Place, int Number = 0);

/// <summary>What a test expects: registers, EFLAGS and the memory around the operand, in the simplest form there is.</summary>
internal sealed class IntegerModel
{
    public const int Carry = 0;
    public const int Parity = 2;
    public const int Adjust = 4;
    public const int Zero = 6;
    public const int Sign = 7;
    public const int Overflow = 11;

    public uint[] Registers { get; } = new uint[8];

    public uint Flags { get; set; }

    public byte[] Memory { get; } = new byte[IntegerBench.WindowBytes];

    /// <summary>The flags that are not defined after the instruction.</summary>
    public uint Undefined { get; private set; }

    public bool this[int flag]
    {
        get => ((Flags >> flag) & 1) != 0;
        set => Flags = (Flags & ~(1u << flag)) | (value ? 1u << flag : 0);
    }

    public uint Get(Operand operand, int size)
    {
        if (operand.Place == Place.Register)
        {
            bool high = size == 8 && operand.Number >= 4;
            uint register = Registers[high ? operand.Number - 4 : operand.Number];
            return (high ? register >> 8 : register) & Mask(size);
        }

        uint value = 0;
        for (int i = size / 8; i-- > 0;)
        {
            value = (value << 8) | Memory[IntegerBench.OperandOffset + i];
        }

        return value;
    }

    public void Set(Operand operand, int size, uint value)
    {
        if (operand.Place == Place.Register)
        {
            bool high = size == 8 && operand.Number >= 4;
            int shift = high ? 8 : 0;
            ref uint register = ref Registers[high ? operand.Number - 4 : operand.Number];
            register = (register & ~(Mask(size) << shift)) | ((value & Mask(size)) << shift);
            return;
        }

        for (int i = 0; i < size / 8; i++)
        {
            Memory[IntegerBench.OperandOffset + i] = (byte)(value >> (8 * i));
        }
    }

    /// <summary>SF, ZF and PF of a result.</summary>
    public void SetResult(int size, uint result)
    {
        int ones = 0;
        for (int i = 0; i < 8; i++)
        {
            ones += (int)(result >> i) & 1;
        }

        this[Zero] = (result & Mask(size)) == 0;
        this[Sign] = Bit(result, size - 1);
        this[Parity] = ones % 2 == 0;
    }

    public void Undefine(params ReadOnlySpan<int> flags)
    {
        foreach (int flag in flags)
        {
            Undefined |= 1u << flag;
        }
    }

    public void Begin() => Undefined = 0;

    public static uint Mask(int size) => size == 32 ? uint.MaxValue : (1u << size) - 1;

    public static bool Bit(uint value, int index) => ((value >> index) & 1) != 0;
}

/// <summary>Runs one instruction after another, each with random registers, flags and memory, and compares all of them with a model's.</summary>
internal sealed class IntegerBench(int seed) : IDisposable
{
    public const int WindowBytes = 1024;
    public const int OperandOffset = WindowBytes / 2;
    private const uint Status = 0x8D5;
    private static readonly uint[] _corners = [0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF];
    private readonly Random _random = new(seed);

    public static IReadOnlyList<Place> Memories { get; } = [Place.Flat, Place.Segmented, Place.Crossing];

    public static IReadOnlyList<Place> Places { get; } = [Place.Register, .. Memories];

    public CpuFixture Cpu { get; } = new();

    public IntegerModel Model { get; } = new();

    public Random Random => _random;

    public uint Value() => _random.Next(4) == 0 ? _corners[_random.Next(_corners.Length)] : (uint)_random.NextInt64(1L << 32);

    /// <summary>The bytes of an instruction with ModRM.</summary>
    /// <param name="size">Operand size in bits; 16 gets its prefix.</param>
    /// <param name="opcode">The opcode's bytes.</param>
    /// <param name="field">ModRM's reg field.</param>
    /// <param name="operand">ModRM's other operand.</param>
    /// <param name="locked">With LOCK.</param>
    /// <param name="immediate">The immediate's bytes.</param>
    public static byte[] Encode(int size, byte[] opcode, int field, Operand operand, bool locked = false, params byte[] immediate)
    {
        List<byte> bytes = [];
        if (locked)
        {
            bytes.Add(0xF0);
        }

        if (size == 16)
        {
            bytes.Add(0x66);
        }

        if (operand.Place == Place.Segmented)
        {
            bytes.Add(0x64);
        }

        bytes.AddRange(opcode);
        if (operand.Place == Place.Register)
        {
            bytes.Add((byte)(0xC0 | (field << 3) | operand.Number));
        }
        else
        {
            bytes.Add((byte)((field << 3) | 5));
            uint offset = AddressOf(operand.Place) - (operand.Place == Place.Segmented ? CpuFixture.FsBase : 0);
            bytes.AddRange(BitConverter.GetBytes(offset));
        }

        bytes.AddRange(immediate);
        return [.. bytes];
    }

    /// <summary>Random registers, flags and memory, here and there.</summary>
    public IntegerModel Begin(Place place)
    {
        Model.Begin();
        for (int i = 0; i < 8; i++)
        {
            Model.Registers[i] = Value();
        }

        _random.NextBytes(Model.Memory);
        Model.Set(new Operand(Place.Flat), 32, Value());
        Model.Flags = ((uint)_random.Next() & Status) | 2;
        Put(place);
        return Model;
    }

    /// <summary>Gives the processor what the model has.</summary>
    public void Put(Place place)
    {
        for (int i = 0; i < 8; i++)
        {
            Cpu.Registers[(GeneralRegister)i] = Model.Registers[i];
        }

        Cpu.Registers.Eflags = Model.Flags;
        Model.Memory.CopyTo(Window(place));
        if (place == Place.Crossing)
        {
            Cpu.Processor.FlushTranslations();
        }
    }

    /// <summary>Runs the instruction and compares with what the model has become.</summary>
    public void Check(ReadOnlySpan<byte> code, Place place, CpuStop expected = default)
    {
        CpuStop stop = Cpu.Execute(code);
        string what = Convert.ToHexString(code);
        Assert.True(stop == expected, $"{what}: {stop}, not {expected}");
        Assert.Equal(CpuFixture.Code + (expected == CpuStop.Done ? (uint)code.Length : 0), Cpu.Registers.Eip);
        for (int i = 0; i < 8; i++)
        {
            uint register = Cpu.Registers[(GeneralRegister)i];
            Assert.True(register == Model.Registers[i], $"{what}: {(GeneralRegister)i} is {register:X}, not {Model.Registers[i]:X}");
        }

        uint different = (Cpu.Registers.Eflags ^ Model.Flags) & ~Model.Undefined;
        Assert.True(different == 0, $"{what}: EFLAGS {Cpu.Registers.Eflags:X}, not {Model.Flags:X}");
        Assert.True(Window(place).SequenceEqual(Model.Memory), $"{what}: memory");
    }

    public void Dispose() => Cpu.Dispose();

    private static uint AddressOf(Place place) => place switch
    {
        Place.Crossing => CpuFixture.Data + 0x1000 - 1,
        Place.Segmented => CpuFixture.FsBase + 0x1235,
        _ => CpuFixture.Data + 0x802,
    };

    private Span<byte> Window(Place place) => Cpu.Bytes(AddressOf(place) - OperandOffset, WindowBytes);
}
