namespace Gnomon.Cpu.Tests.Execution;

/// <summary>A jump to another page goes where the page tables say now, however often it has gone elsewhere.</summary>
public sealed class JumpCacheTests
{
    private const uint IncEax = 0xE0FF_40;
    private const uint IncEcx = 0xE0FF_41;
    private const uint Target = 0x2_0000;
    private const uint Other = 0x2_1000;

    // As many pages as the fetch TLB has entries: the two select the same one.
    private const uint Rival = Target + (256 << 12);
    private const uint Present = 3;

    [Fact]
    public void FlushPage_OfAMappingThatChanged_JumpsFollowIt()
    {
        using CpuFixture cpu = Fixture();
        for (uint round = 1; round <= 5; round++)
        {
            cpu.SetPage(Target, (round % 2 == 0 ? Other : Target) | Present);
            Jump(cpu, Target);
            Assert.Equal(((round + 1) / 2, round / 2), Counts(cpu));
        }
    }

    [Fact]
    public void LoadOfCr3_OfAMappingThatChanged_JumpsFollowIt()
    {
        using CpuFixture cpu = Fixture();
        Jump(cpu, Target);
        cpu.SetPage(Target, Other | Present);
        uint directory = cpu.Registers.Cr3;
        for (uint round = 1; round <= 3; round++)
        {
            cpu.Registers.Cr3 = directory;
            Jump(cpu, Target);
            Assert.Equal((1u, round), Counts(cpu));
        }
    }

    [Fact]
    public void FlushPage_AfterAnotherPageTookItsPlaceInTheFetchTlb_JumpsFollowTheTables()
    {
        using CpuFixture cpu = Fixture();
        Jump(cpu, Target);
        cpu.SetPage(Rival, Target | Present);
        Jump(cpu, Rival);
        Assert.Equal((2u, 0u), Counts(cpu));
        cpu.SetPage(Target, Other | Present);
        Jump(cpu, Target);
        Assert.Equal((2u, 1u), Counts(cpu));
    }

    [Fact]
    public void NotPresent_AfterJumpsToIt_IsAPageFault()
    {
        using CpuFixture cpu = Fixture();
        Jump(cpu, Target);
        cpu.SetPage(Target, Target);
        cpu.Registers[GeneralRegister.Edi] = Target;
        Assert.Equal(CpuStop.Exception(Vector.PageFault), cpu.Execute(JumpToEdi, 2));
        Assert.Equal((1u, 0u), Counts(cpu));
    }

    [Fact]
    public void Store_IntoCodeThatIsFoundAgainAfterAFlush_IsSeen()
    {
        using CpuFixture cpu = Fixture();
        Jump(cpu, Target);
        cpu.SetPage(Target, Target | Present);
        Put(cpu, Target, IncEcx);
        cpu.Processor.FlushTranslations();
        Jump(cpu, Target);
        Assert.Equal((1u, 1u), Counts(cpu));
    }

    private static byte[] JumpToEdi => [0xFF, 0xE7];

    // Code that counts in EAX, or in ECX, and jumps away by EAX: that jump is never run.
    private static CpuFixture Fixture()
    {
        CpuFixture cpu = new();
        cpu.EnablePaging();
        Put(cpu, Target, IncEax);
        Put(cpu, Other, IncEcx);
        return cpu;
    }

    private static void Put(CpuFixture cpu, uint address, uint code)
    {
        BitConverter.GetBytes(code).CopyTo(cpu.Bytes(address, 4));
        cpu.StoredAt(address, 4);
    }

    private static void Jump(CpuFixture cpu, uint address)
    {
        cpu.Registers[GeneralRegister.Edi] = address;
        Assert.Equal(CpuStop.Done, cpu.Execute(JumpToEdi, 2));
    }

    private static (uint Eax, uint Ecx) Counts(CpuFixture cpu) => (cpu.Registers[GeneralRegister.Eax], cpu.Registers[GeneralRegister.Ecx]);
}
