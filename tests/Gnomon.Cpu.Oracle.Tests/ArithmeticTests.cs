using Gnomon.Cpu.Oracle.Tests.Fixture;
using Gnomon.Cpu.Oracle.Tests.Generation;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests;

/// <summary>The oracle against formulas of the manual, so that it is itself checked by something.</summary>
public sealed class ArithmeticTests
{
    private const uint Carry = 1, Parity = 4, Adjust = 0x10, Zero = 0x40, Sign = 0x80, Overflow = 0x800;
    private const uint Status = Carry | Parity | Adjust | Zero | Sign | Overflow;

    [Theory]
    [InlineData(0x01, false, false)]
    [InlineData(0x11, false, true)]
    [InlineData(0x29, true, false)]
    [InlineData(0x19, true, true)]
    public void AddAndSubtract_RandomOperands_FollowTheFormula(byte opcode, bool subtracts, bool takesCarry)
    {
        using var host = HostProcessor.Start();
        var random = new SeededRandom(opcode);
        var cases = new InstructionCase[AddressMap.Slots];
        for (int i = 0; i < cases.Length; i++)
        {
            // op EAX, ECX
            cases[i] = HandMade.Case([opcode, 0xC8], slot: i);
            cases[i].Context.Eax = Values.Integer(ref random);
            cases[i].Context.Ecx = Values.Integer(ref random);
            cases[i].Context.Eflags |= random.Next32() & Status;
        }

        int seen = 0;
        host.Run(cases, (in InstructionCase c, in CaseResult r) =>
        {
            long a = c.Context.Eax, b = c.Context.Ecx, carry = takesCarry ? c.Context.Eflags & Carry : 0;
            long exact = subtracts ? a - b - carry : a + b + carry;
            long signed = subtracts ? (int)a - (long)(int)b - carry : (int)a + (long)(int)b + carry;
            long nibbles = subtracts ? (a & 15) - (b & 15) - carry : (a & 15) + (b & 15) + carry;
            uint result = (uint)exact;
            uint flags = (exact is < 0 or > uint.MaxValue ? Carry : 0)
                | (int.IsEvenInteger(System.Numerics.BitOperations.PopCount(result & 0xFF)) ? Parity : 0)
                | (nibbles is < 0 or > 15 ? Adjust : 0) | (result == 0 ? Zero : 0) | ((int)result < 0 ? Sign : 0)
                | (signed != (int)result ? Overflow : 0);
            Assert.Equal((result, flags, ProcessorContext.NoTrap), (r.Context.Eax, r.Context.Eflags & Status, r.Context.Trap));
            seen++;
        });
        Assert.Equal(cases.Length, seen);
    }

    [Theory]
    [InlineData(100u, 0u, 7u, true)]
    [InlineData(0u, 7u, 7u, false)]
    [InlineData(uint.MaxValue, 6u, 7u, true)]
    [InlineData(1u, 0u, 0u, false)]
    public void Divide_QuotientThatFitsOrNot_IsMadeOrFaults(uint low, uint high, uint divisor, bool fits)
    {
        using var host = HostProcessor.Start();

        // DIV ECX
        CaseResult result = host.Run(HandMade.Case([0xF7, 0xF1], (ref ProcessorContext context) =>
            (context.Eax, context.Edx, context.Ecx) = (low, high, divisor)));
        if (fits)
        {
            ulong dividend = ((ulong)high << 32) | low;
            Assert.Equal((ProcessorContext.NoTrap, (uint)(dividend / divisor), (uint)(dividend % divisor)), (result.Context.Trap, result.Context.Eax, result.Context.Edx));
        }
        else
        {
            const uint DivideError = 0;
            Assert.Equal((DivideError, low, high), (result.Context.Trap, result.Context.Eax, result.Context.Edx));
        }
    }

    [Fact]
    public void Fadd_OneAndOne_IsTwo()
    {
        using var host = HostProcessor.Start();

        // FADD ST(0), ST(0)
        InstructionCase c = HandMade.Case([0xD8, 0xC0], flags: CaseFlags.Fpu);
        FpuState.SetTags(c.Fpu, 1);
        FpuState.SetRegister(c.Fpu, 0, [0, 0, 0, 0, 0, 0, 0, 0x80, 0xFF, 0x3F]);
        CaseResult result = host.Run(c);

        // Status says that the top is register 0; it alone is full, and it holds 1.0 times 2 to the power 1.
        Assert.Equal("4000:8000000000000000", FpuState.Text(FpuState.Register(result.Fpu, 0)));
        Assert.Equal((0, 1), (FpuState.Status(result.Fpu), FpuState.Tags(result.Fpu)));
    }
}
