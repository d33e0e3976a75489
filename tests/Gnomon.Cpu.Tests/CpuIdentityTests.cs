using System.Text;
using Gnomon.Cpu.Events;
using Gnomon.Cpu.Execution;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Tests;

public sealed unsafe class CpuIdentityTests
{
    // Each feature bit of leaf 1, EDX that is announced, with a form of instruction that only it brings.
    private static readonly Dictionary<int, Code[]> Brought = new()
    {
        [4] = [Code.Rdtsc],
        [5] = [Code.Rdmsr, Code.Wrmsr],
    };

    [Fact]
    public void Cpuid_Features_OnlyWhatTheProcessorHas()
    {
        // What a profile asks for beyond that is not announced: MMX, SSE, SSE2, APIC, MTRR, HTT …
        using StringFixture fixture = new(new ProcessorOptions { Profile = new CpuProfile { Features = uint.MaxValue } });
        (_, uint ebx, uint ecx, uint edx) = Ask(fixture, 1);
        foreach (int absent in new[] { 7, 9, 10, 12, 14, 16, 17, 18, 19, 20, 21, 22, 23, 25, 26, 27, 28, 29, 30, 31 })
        {
            Assert.Equal(0u, edx & (1u << absent));
        }

        Assert.Equal((0u, 0u), (ebx, ecx));
        foreach ((int bit, Code[] codes) in Brought)
        {
            Assert.NotEqual(0u, edx & (1u << bit));
            Assert.All(codes, code => Assert.Contains(code, InstructionTable.Instance.Codes));
        }

        Assert.Equal(1u << 20, Ask(fixture, 0x8000_0001).Edx);
        Assert.Equal((0u, 0u, 0u), (Ask(fixture, 0x8000_0001).Eax, Ask(fixture, 0x8000_0001).Ebx, Ask(fixture, 0x8000_0001).Ecx));
    }

    [Fact]
    public void Cpuid_Announced_NoFormOfAnAbsentFeatureHasARow()
    {
        foreach (Code code in InstructionTable.Instance.Codes)
        {
            Assert.All(code.CpuidFeatures(), feature => Assert.DoesNotMatch("^(MMX|SSE|AVX|MONITOR|CLFSH|XSAVE|X64)", feature.ToString()));
        }
    }

    [Fact]
    public void Cpuid_Identity_VendorSignatureBrandAndWidths()
    {
        CpuProfile profile = new() { Vendor = "GnomonGnomon", Brand = "A brand of more than forty-seven characters, which is cut off", Signature = 0x673 };
        using StringFixture fixture = new(new ProcessorOptions { Profile = profile });
        var basic = Ask(fixture, 0);
        Assert.Equal("GnomonGnomon", Text(basic.Ebx, basic.Edx, basic.Ecx));
        Assert.Equal(0x673u, Ask(fixture, 1).Eax);
        StringBuilder brand = new();
        for (uint leaf = 0x8000_0002; leaf <= 0x8000_0004; leaf++)
        {
            var part = Ask(fixture, leaf);
            brand.Append(Text(part.Eax, part.Ebx, part.Ecx, part.Edx));
        }

        Assert.Equal(profile.Brand[..47] + "\0", brand.ToString());
        Assert.Equal(0x2024u, Ask(fixture, 0x8000_0008).Eax);
        Assert.Equal(0x8000_0008u, Ask(fixture, 0x8000_0000).Eax);
    }

    [Theory]
    [InlineData(3u)]
    [InlineData(7u)]
    [InlineData(0x4000_0000u)]
    [InlineData(0x8000_0009u)]
    [InlineData(0xFFFF_FFFFu)]
    public void Cpuid_BeyondTheLastLeaf_ShowsTheLastBasicOne(uint leaf)
    {
        using StringFixture fixture = new();
        Assert.Equal(Ask(fixture, Ask(fixture, 0).Eax), Ask(fixture, leaf));
    }

    [Fact]
    public void Cpuid_Profile_WithoutExtensions_NoneIsThere()
    {
        using StringFixture fixture = new(new ProcessorOptions { Profile = new CpuProfile { NoExecute = false, Features = 0 } });
        Assert.Equal(0u, Ask(fixture, 0x8000_0001).Edx);
        Assert.Equal(32u, Ask(fixture, 0x8000_0008).Eax & 0xFF);
        foreach (byte opcode in new byte[] { 0x30, 0x31, 0x32 })
        {
            fixture.Program(0x0F, opcode);
            fixture.Registers.Eip = StringFixture.Code;
            Assert.True(fixture.Step().IsFault(Vector.InvalidOpcode));
        }
    }

    [Fact]
    public void Intercepted_LeavesWithLengthAndOpcode_NothingDone()
    {
        using StringFixture fixture = new();
        fixture.Processor.Intercepts = Intercepts.CpuId | Intercepts.ModelSpecific;
        foreach (byte opcode in new byte[] { 0xA2, 0x30, 0x32 })
        {
            fixture.Program(0x66, 0x0F, opcode);
            fixture.Registers[GeneralRegister.Eax] = 1;
            CpuExit exit = fixture.Processor.Run(1);
            Assert.Equal((CpuExitReason.Instruction, (byte)3, 0x0F00u | opcode), (exit.Reason, exit.Size, exit.Code));
            Assert.Equal((1u, StringFixture.Code), (fixture.Registers[GeneralRegister.Eax], fixture.Registers.Eip));
        }

        // Privilege comes first.
        fixture.Flat(3);
        Assert.True(fixture.Step().IsFault(Vector.GeneralProtection));
    }

    [Fact]
    public void TimeStamp_MiddleOfABlock_CountsWhatIsDone()
    {
        using StringFixture fixture = new();
        fixture.Program(a =>
        {
            for (int i = 0; i < 10; i++)
            {
                a.rdtsc();
                a.mov(__[0x40000 + (i * 4)], eax);
                a.mov(ebx, ecx);
            }
        });

        // Budgets that cut blocks, and instructions run alone (TF would trap; a shadow does the same).
        int at = 0;
        foreach (int budget in new[] { 1, 2, 7, 4, 16 })
        {
            fixture.State->Shadow = at == 3 ? ShadowKind.SetInterrupt : (byte)0;
            Assert.Equal(CpuExitReason.Budget, fixture.Processor.Run(budget).Reason);
            at += budget;
            Assert.Equal((ulong)at, fixture.Processor.Instructions);
        }

        for (uint i = 0; i < 10; i++)
        {
            Assert.Equal(i * 3, fixture.Read32(0x40000 + (i * 4)));
        }
    }

    [Fact]
    public void TimeStamp_Restricted_FaultsOnlyOutsideRing0()
    {
        using StringFixture fixture = new();
        fixture.Program(0x0F, 0x31);
        fixture.Registers.Cr4 = Cr4.TimeStampDisable;
        Assert.True(fixture.Step().IsClean);
        fixture.Flat(1);
        fixture.Registers.Eip = StringFixture.Code;
        Assert.True(fixture.Step().IsFault(Vector.GeneralProtection));
        fixture.Registers.Cr4 = 0;
        Assert.True(fixture.Step().IsClean);
    }

    [Theory]
    [InlineData(0x10u, 0x1_2345_6789ul)]
    [InlineData(0x174u, 0x10ul)]
    [InlineData(0x175u, 0xC0001000ul)]
    [InlineData(0x176u, 0xC0002000ul)]
    [InlineData(0xC000_0080u, 0x800ul)]
    public void ModelSpecific_Known_KeepsWhatIsWritten(uint number, ulong value)
    {
        using StringFixture fixture = new();
        fixture.Program(0x0F, 0x30, 0x0F, 0x32);
        fixture.Registers[GeneralRegister.Ecx] = number;
        fixture.Registers[GeneralRegister.Eax] = (uint)value;
        fixture.Registers[GeneralRegister.Edx] = (uint)(value >> 32);
        fixture.Processor.Run(2);
        ulong read = ((ulong)fixture.Registers[GeneralRegister.Edx] << 32) | fixture.Registers[GeneralRegister.Eax];

        // The counter has gone on by the one instruction between.
        Assert.Equal(value + (number == 0x10 ? 1u : 0), read);
        Assert.Equal(StringFixture.Code + 4, fixture.Registers.Eip);
    }

    [Theory]
    [InlineData(0x1Bu, 0ul)]
    [InlineData(0x8Bu, 0ul)]
    [InlineData(0x277u, 0ul)]
    [InlineData(0xC000_0081u, 0ul)]
    [InlineData(0xC000_0080u, 0x801ul)]
    [InlineData(0xC000_0080u, 0x1_0000_0000ul)]
    public void ModelSpecific_UnknownOrReserved_Faults(uint number, ulong value)
    {
        using StringFixture fixture = new();
        fixture.Program(0x0F, 0x30);
        fixture.Registers[GeneralRegister.Ecx] = number;
        fixture.Registers[GeneralRegister.Eax] = (uint)value;
        fixture.Registers[GeneralRegister.Edx] = (uint)(value >> 32);
        Outcome outcome = fixture.Step();
        Assert.True(outcome.IsFault(Vector.GeneralProtection));
        Assert.Equal((0u, 0u), (outcome.Code, fixture.Registers.Efer));
    }

    private static (uint Eax, uint Ebx, uint Ecx, uint Edx) Ask(StringFixture fixture, uint leaf)
    {
        fixture.Program(0x0F, 0xA2);
        fixture.Registers.Eip = StringFixture.Code;
        fixture.Registers[GeneralRegister.Eax] = leaf;
        Assert.True(fixture.Step().IsClean);
        return (fixture.Registers[GeneralRegister.Eax], fixture.Registers[GeneralRegister.Ebx], fixture.Registers[GeneralRegister.Ecx], fixture.Registers[GeneralRegister.Edx]);
    }

    private static string Text(params uint[] words) => Encoding.ASCII.GetString([.. words.SelectMany(BitConverter.GetBytes)]);
}
