using Gnomon.Cpu.Oracle.Tests.Comparison;
using Gnomon.Cpu.Oracle.Tests.Coverage;
using Gnomon.Cpu.Oracle.Tests.Fixture;
using Gnomon.Cpu.Oracle.Tests.Generation;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests;

/// <summary>Every instruction of the profile is compared, or there is a reason.</summary>
public sealed class CoverageTests
{
    [Fact]
    public void Generator_MakesEveryComparedInstruction_Again()
    {
        var first = new CaseGenerator();
        var second = new CaseGenerator();
        foreach (Code code in Profile.Compared)
        {
            for (ulong seed = 0; seed < 20; seed++)
            {
                InstructionCase c = first.Make(code, seed);
                Assert.Equal(CaseText.Describe(c), CaseText.Describe(second.Make(code, seed)));
                Assert.NotEqual(0, c.CodeLength);
            }
        }
    }

    [Fact]
    public void Reasons_AreOfInstructionsOfTheProfile() =>
        Assert.All(Enum.GetValues<Code>().Where(code => NotCompared.Reason(code) is not null), code => Assert.Contains(code, Profile.Codes));

    [Fact]
    public void Profile_HasNoInstructionOfLaterProcessors()
    {
        Assert.DoesNotContain(Profile.Codes, code => code.Encoding() != EncodingKind.Legacy);
        Assert.DoesNotContain(Code.Emms, Profile.Codes);
        Assert.DoesNotContain(Code.Movaps_xmm_xmmm128, Profile.Codes);
        Assert.DoesNotContain(Code.Syscall, Profile.Codes);
        Assert.Contains(Code.Fcmovne_st0_sti, Profile.Codes);
        Assert.Contains(Code.Sysenter, Profile.Codes);
        Assert.Contains(Code.Fxsave_m512byte, Profile.Codes);
    }

    [Fact]
    public void EveryComparedInstruction_CompletesOnTheHost_UnlessItCannot()
    {
        using var host = HostProcessor.Start();
        var campaign = new Campaign(host, new Echo());
        campaign.Run(Profile.Compared, 0, TestSettings.Steps(Profile.Compared.Count * 60));
        Assert.All(Profile.Compared, code =>
        {
            (int cases, int faults, _) = campaign.Counts[code];
            Assert.True(AlwaysFaults(code) ? faults == cases : faults < cases, $"{code}: {faults} of {cases} fault");
        });
    }

    /// <summary>What CPL 3 may never do, and what is a trap by its nature.</summary>
    private static bool AlwaysFaults(Code code) =>
        !code.ToOpCode().Cpl3
        || code.Mnemonic() is Mnemonic.In or Mnemonic.Out or Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd or Mnemonic.Outsb or Mnemonic.Outsw
            or Mnemonic.Outsd or Mnemonic.Cli or Mnemonic.Sti or Mnemonic.Hlt or Mnemonic.Ud0 or Mnemonic.Ud1 or Mnemonic.Ud2 or Mnemonic.Int3
            or Mnemonic.Int1 or Mnemonic.Int;

    private sealed class Echo : ITestedProcessor
    {
        public void Run(in InstructionCase c, ref CaseResult r) => r.Context = c.Context;
    }
}
