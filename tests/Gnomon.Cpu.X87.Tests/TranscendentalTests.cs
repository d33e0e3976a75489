using System.Globalization;
using System.Numerics;
using System.Text;

namespace Gnomon.Cpu.X87.Tests;

/// <summary>The transcendental instructions against integers of hundreds of bits, and their special cases against the host.</summary>
public sealed class TranscendentalTests
{
    private const int Seed = 80387;
    private const int Bits = 400;

    /// <summary>In round to nearest half a unit and the little that the computation may be off.</summary>
    private const double Nearest = 0.500001;

    private const double Directed = 1.000001;

    /// <summary>Hardware is a unit off, and its own pi and range differ (Intel SDM vol. 1, 8.3.10).</summary>
    private const ulong HostUnits = 2;

    private readonly ExactFunctions _exact = new(Bits);

    [Fact]
    public void Exponential_Exact_WithinOneUnit() => Check(0xF0, g => (Fraction(g, 0), default), (x, _) => _exact.PowerLessOne(x));

    [Fact]
    public void Logarithm_Exact_WithinOneUnit() =>
        Check(0xF1, g => (Positive(g), Fraction(g, 10)), (x, y) => _exact.Multiply(y, _exact.BinaryLogarithm(x)));

    [Fact]
    public void LogarithmPlusOne_Exact_WithinOneUnit() =>
        Check(0xF9, g => (Fraction(g, -2), Fraction(g, 10)), (x, y) => _exact.Multiply(y, _exact.BinaryLogarithm(_exact.One + x)));

    [Fact]
    public void ArcTangent_Exact_WithinOneUnit() =>
        Check(0xF3, g => (Fraction(g, 12), Fraction(g, 12)), (x, y) => _exact.ArcTangent(y, x));

    [Fact]
    public void Sine_Exact_WithinOneUnit() => Check(0xFE, g => (Fraction(g, 63), default), (x, _) => _exact.Sin(x));

    [Fact]
    public void Cosine_Exact_WithinOneUnit() => Check(0xFF, g => (Fraction(g, 63), default), (x, _) => _exact.Cos(x));

    [Fact]
    public void Tangent_Exact_WithinOneUnit() =>
        Check(0xF2, g => (Fraction(g, 63), default), (x, _) => _exact.Divide(_exact.Sin(x), _exact.Cos(x)), result: 1);

    [Fact]
    public void SineAndCosine_Exact_WithinOneUnit()
    {
        Check(0xFB, g => (Fraction(g, 63), default), (x, _) => _exact.Sin(x), result: 1);
        Check(0xFB, g => (Fraction(g, 63), default), (x, _) => _exact.Cos(x), result: 0);
    }

    /// <summary>Stack faults, NaNs, infinities, zeros and unmasked exceptions are exactly as on the host; ordinary results are close.</summary>
    [Theory]
    [InlineData(0xF0)]
    [InlineData(0xF1)]
    [InlineData(0xF2)]
    [InlineData(0xF3)]
    [InlineData(0xF9)]
    [InlineData(0xFB)]
    [InlineData(0xFE)]
    [InlineData(0xFF)]
    public void Execute_RandomStates_IsCloseToTheHost(int modrm)
    {
        using HostFpu host = new();
        int steps = TestSettings.Steps(3000);
        Console.WriteLine($"seed {Seed}, {steps} steps of D9 {modrm:X2}");
        OperandGenerator generator = new(Seed ^ modrm);
        byte[] before = new byte[108];
        byte[] after = new byte[108];
        byte[] operand = new byte[108];
        StringBuilder reports = new();
        int failures = 0;
        for (int i = 0; i < steps; i++)
        {
            X87State state = generator.State(full: !generator.Chance(4));
            Float80 x = state.Get(0);
            if (IsOutsideDefinition(modrm, state))
            {
                continue;
            }
            X87Images.WriteSave(state, before, X87ImageFormat.Protected32);
            host.Run(0xD9, modrm, before, after, operand, 2);
            X87State expected = default;
            X87Images.ReadSave(ref expected, after, X87ImageFormat.Protected32);
            X87State got = state;
            X87RegisterForms.Execute(ref got, 0xD9, (uint)modrm, 2, out _);
            string? difference = Difference(expected, got);
            if (difference is not null && failures++ < 8)
            {
                reports.AppendLine(CultureInfo.InvariantCulture, $"""
                    {difference}: D9 {modrm:X2} CW {state.Control:X4} SW {state.Status:X4} TW {state.TagWord:X4} ST0 {x} ST1 {state.Get(1)}
                      expected SW {expected.Status:X4} TW {expected.TagWord:X4} {expected.Get(0)} {expected.Get(1)}
                      got      SW {got.Status:X4} TW {got.TagWord:X4} {got.Get(0)} {got.Get(1)}
                    """);
            }
        }
        Assert.True(failures == 0, $"{failures} of {steps}\n{reports}");
    }

    private static string? Difference(in X87State expected, in X87State got)
    {
        // C1 of a result one unit off says nothing; C0 and C3 are undefined.
        const uint Compared = ~(X87Status.C0 | X87Status.C1 | X87Status.C3);
        if (((expected.Status ^ got.Status) & Compared) != 0)
        {
            return "status";
        }
        if (expected.Occupied != got.Occupied)
        {
            return "tags";
        }
        for (int i = 0; i < 8; i++)
        {
            Float80 left = expected.Get(i);
            Float80 right = got.Get(i);
            if (left != right && (i > 1 || !AreClose(left, right)))
            {
                return $"ST({i})";
            }
        }
        return null;
    }

    private static bool AreClose(Float80 left, Float80 right)
    {
        Int128 a = (Int128)(((UInt128)(uint)left.Exponent << 63) + (left.Significand & ~(1UL << 63)));
        Int128 b = (Int128)(((UInt128)(uint)right.Exponent << 63) + (right.Significand & ~(1UL << 63)));
        return left.Class == right.Class && left.Sign == right.Sign && left.Class is Float80Class.Normal or Float80Class.Denormal
            && Int128.Abs(a - b) <= HostUnits;
    }

    /// <summary>Where the result is undefined or depends on the processor's pi.</summary>
    private static bool IsOutsideDefinition(int modrm, in X87State state)
    {
        Float80 x = state.Get(0);
        int exponent = x.Exponent - Float80.Bias;
        if (!x.IsNormal && !x.IsInfinity)
        {
            return false;
        }
        return modrm switch
        {
            0xF0 => exponent >= 0 && !x.IsInfinity && (exponent != 0 || x.Significand != Float80.IntegerBit),
            0xF9 => exponent >= -2,
            0xF1 or 0xF3 => false,
            _ => x.IsNormal && exponent is >= -1 and < 63,
        };
    }

    private void Check(
        int modrm,
        Func<OperandGenerator, (Float80 X, Float80 Y)> operands,
        Func<BigInteger, BigInteger, BigInteger> exact,
        int result = 0)
    {
        int steps = TestSettings.Steps(1500);
        Console.WriteLine($"seed {Seed}, {steps} steps of D9 {modrm:X2}");
        OperandGenerator generator = new(Seed + modrm);
        double worst = 0;
        for (int i = 0; i < steps; i++)
        {
            (Float80 x, Float80 y) = operands(generator);
            int rounding = generator.Next(4);
            X87State state = default;
            state.Initialize();
            state.Control |= (ushort)(rounding << 10);
            state.Push(y);
            state.Push(x);
            X87RegisterForms.Execute(ref state, 0xD9, (uint)modrm, 2, out _);
            Float80 value = state.Get(result);
            BigInteger truth = exact(_exact.Of(x), _exact.Of(y));
            double error = _exact.Error(value, truth);
            double limit = rounding == 0 ? Nearest : Directed;
            bool wrongWay = (rounding == 1 && error > 1e-6) || (rounding == 2 && error < -1e-6);
            Assert.True(
                Math.Abs(error) <= limit && !wrongWay && (state.Status & X87Status.C2) == 0,
                $"step {i}: D9 {modrm:X2} rounding {rounding} ST0 {x} ST1 {y}: {value} is {error} units off");
            worst = rounding == 0 ? Math.Max(worst, Math.Abs(error)) : worst;
        }
        Console.WriteLine($"D9 {modrm:X2}: at most {worst} units off in round to nearest");
    }

    /// <summary>A number whose magnitude is below 2^limit, with a bias to its border and to small numbers.</summary>
    private static Float80 Fraction(OperandGenerator generator, int limit)
    {
        int below = generator.Chance(3) ? generator.Next(90 + limit) : generator.Next(6);
        return new Float80((uint)generator.Next(2), Float80.Bias + limit - 1 - below, generator.Significand() | (1UL << 63));
    }

    private static Float80 Positive(OperandGenerator generator)
    {
        int exponent = generator.Chance(3) ? generator.Next(200) - 100 : generator.Next(3) - 2;
        return new Float80(0, Float80.Bias + exponent, generator.Significand() | (1UL << 63));
    }
}
