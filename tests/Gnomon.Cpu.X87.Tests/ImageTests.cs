namespace Gnomon.Cpu.X87.Tests;

/// <summary>The images of FNSTENV, FNSAVE and FXSAVE: layouts by the SDM's figures, contents by the host.</summary>
public sealed class ImageTests
{
    private const int Seed = 8087;

    // fxsave and fxrstor need 16 bytes of alignment.
    private const int FxLength = 512;

    [Fact]
    public void WriteEnvironment_Protected32_IsFigure8_9()
    {
        byte[] image = new byte[28];
        X87Images.WriteEnvironment(Known(), image, X87ImageFormat.Protected32);
        Assert.Equal("7F03FFFF0138FFFFFFFFFFFFEFCDAB893412A705DF9B57137856FFFF", Convert.ToHexString(image));
    }

    [Fact]
    public void WriteEnvironment_Real32_IsFigure8_10()
    {
        // Linear: 12340H + 89ABCDEFH = 89ACF12FH, and 56780H + 13579BDFH = 135D035FH.
        byte[] image = new byte[28];
        X87Images.WriteEnvironment(Known(), image, X87ImageFormat.Real32);
        Assert.Equal("7F03FFFF0138FFFFFFFFFFFF2FF1FFFF" + "A7C59A08" + "5F03FFFF" + "00D03501", Convert.ToHexString(image));
    }

    [Fact]
    public void WriteEnvironment_Protected16_IsFigure8_11()
    {
        byte[] image = new byte[14];
        X87Images.WriteEnvironment(Known(), image, X87ImageFormat.Protected16);
        Assert.Equal("7F030138FFFFEFCD3412DF9B7856", Convert.ToHexString(image));
    }

    [Fact]
    public void WriteEnvironment_Real16_IsFigure8_12()
    {
        byte[] image = new byte[14];
        X87Images.WriteEnvironment(Known(), image, X87ImageFormat.Real16);
        Assert.Equal("7F030138FFFF2FF1A7C55F0300D0", Convert.ToHexString(image));
    }

    [Fact]
    public void WriteFxsave_KnownPointers_AreAtTheirPlaces()
    {
        byte[] image = new byte[FxLength];
        X87Images.WriteFxsave(Known(), image);
        Assert.Equal("7F0301380000A705EFCDAB8934120000DF9B571378560000", Convert.ToHexString(image.AsSpan(0, 24)));
    }

    [Theory]
    [InlineData(X87ImageFormat.Protected32)]
    [InlineData(X87ImageFormat.Protected16)]
    [InlineData(X87ImageFormat.Real32)]
    [InlineData(X87ImageFormat.Real16)]
    public void ReadSave_OfWriteSave_WritesTheSameAgain(object format)
    {
        X87ImageFormat layout = (X87ImageFormat)format;
        OperandGenerator generator = new(Seed);
        byte[] first = new byte[X87Images.SaveLength(layout)];
        byte[] second = new byte[first.Length];
        for (int i = 0; i < 200; i++)
        {
            X87State state = generator.State(full: false);
            state.InstructionPointer = (uint)generator.Bits();
            state.DataPointer = (uint)generator.Bits();
            state.InstructionSelector = (ushort)generator.Bits();
            state.DataSelector = (ushort)generator.Bits();
            state.LastOpcode = (ushort)(generator.Bits() & 0x7FF);
            X87Images.WriteSave(state, first, layout);
            X87State restored = default;
            X87Images.ReadSave(ref restored, first, layout);
            X87Images.WriteSave(restored, second, layout);
            Assert.Equal(Convert.ToHexString(first), Convert.ToHexString(second));
        }
    }

    /// <summary>FLDCW, FLDENV and FRSTOR of random bytes: reserved bits, tags and the error summary are as on the host.</summary>
    [Theory]
    [InlineData(0xD9, 0x28)]
    [InlineData(0xD9, 0x20)]
    [InlineData(0xDD, 0x20)]
    public void Load_RandomImages_IsAsOnTheHost(int opcode, int modrm)
    {
        using HostFpu host = new();
        HostComparison comparison = new(host);
        OperandGenerator generator = new(Seed ^ opcode ^ modrm);
        Console.WriteLine($"seed {Seed}");
        byte[] operand = new byte[108];
        for (int i = 0; i < TestSettings.Steps(3000); i++)
        {
            X87State state = generator.State(full: false);
            for (int at = 0; at < operand.Length; at++)
            {
                operand[at] = (byte)generator.Bits();
            }
            Assert.Null(comparison.Compare(state, opcode, modrm, operand, 2));
        }
    }

    /// <summary>The 16-bit layouts with an operand-size prefix, FXSAVE and FXRSTOR.</summary>
    [Fact]
    public void Images_RandomStates_AreAsOnTheHost()
    {
        using HostFpu host = new();
        OperandGenerator generator = new(Seed + 1);
        Console.WriteLine($"seed {Seed + 1}");
        byte[] from = GC.AllocateArray<byte>(FxLength + 16, pinned: true);
        byte[] to = GC.AllocateArray<byte>(FxLength + 16, pinned: true);
        byte[] ours = new byte[FxLength];
        byte[] none = new byte[16];
        for (int i = 0; i < TestSettings.Steps(2000); i++)
        {
            X87State state = generator.State(full: false);
            Span<byte> source = Aligned(from);
            Span<byte> target = Aligned(to);

            // frstor [rdi]; o16 fnsave [rsi]
            X87Images.WriteSave(state, source, X87ImageFormat.Protected32);
            host.RunCode([0xDD, 0x27, 0x66, 0xDD, 0x36], source, target, none);
            X87Images.WriteSave(state, ours, X87ImageFormat.Protected16);
            AssertSame(target[..94], ours.AsSpan(0, 94), 6, 8);

            // o16 frstor [rdi]; fnsave [rsi]
            X87Images.WriteSave(state, source, X87ImageFormat.Protected16);
            host.RunCode([0x66, 0xDD, 0x27, 0xDD, 0x36], source, target, none);
            X87State restored = default;
            X87Images.ReadSave(ref restored, source, X87ImageFormat.Protected16);
            X87Images.WriteSave(restored, ours, X87ImageFormat.Protected32);
            AssertSame(target[..108], ours.AsSpan(0, 108), 12, 16);

            // frstor [rdi]; fxsave [rsi]
            X87Images.WriteSave(state, source, X87ImageFormat.Protected32);
            host.RunCode([0xDD, 0x27, 0x0F, 0xAE, 0x06], source, target, none);
            target[24..32].CopyTo(ours.AsSpan(24));
            byte[] image = new byte[FxLength];
            target.CopyTo(image);
            X87Images.WriteFxsave(state, ours);
            AssertSame(image.AsSpan(0, 160), ours.AsSpan(0, 160), 6, 26);

            // fxrstor [rdi]; fnsave [rsi], of the image with other contents
            X87State other = generator.State(full: false);
            X87Images.WriteFxsave(other, image);
            image[2] |= (byte)generator.Bits();
            image.CopyTo(source);
            host.RunCode([0x0F, 0xAE, 0x0F, 0xDD, 0x36], source, target, none);
            X87Images.ReadFxrstor(ref restored, image);
            X87Images.WriteSave(restored, ours, X87ImageFormat.Protected32);
            AssertSame(target[..108], ours.AsSpan(0, 108), 12, 16);
        }
    }

    private static X87State Known()
    {
        X87State state = default;
        state.Initialize();
        state.Status = 0x3801;
        state.InstructionPointer = 0x89AB_CDEF;
        state.InstructionSelector = 0x1234;
        state.DataPointer = 0x1357_9BDF;
        state.DataSelector = 0x5678;
        state.LastOpcode = 0x5A7;
        return state;
    }

    private static unsafe Span<byte> Aligned(byte[] pinned)
    {
        fixed (byte* start = pinned)
        {
            return pinned.AsSpan((int)(-(nint)start & 15), FxLength);
        }
    }

    /// <summary>The images but for the pointers, which the host sets by its own rules.</summary>
    private static void AssertSame(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> got, int pointers, int length)
    {
        Assert.Equal(Convert.ToHexString(expected[..pointers]), Convert.ToHexString(got[..pointers]));
        Assert.Equal(Convert.ToHexString(expected[(pointers + length)..]), Convert.ToHexString(got[(pointers + length)..]));
    }
}
