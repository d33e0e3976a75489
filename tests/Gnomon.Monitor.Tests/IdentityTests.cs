using Gnomon.Monitor.Tests.Fixture;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>CPUID, RDTSC, the model-specific registers and SYSENTER, as the guest kernel finds them.</summary>
public sealed class IdentityTests
{
    private const uint Present = (1 << 0) | (1 << 4) | (1 << 5) | (1 << 6) | (1 << 8) | (1 << 15) | (1 << 24);

    [Fact]
    public void Leaf0_IsGenuineIntel()
    {
        (uint eax, uint ebx, uint ecx, uint edx) = Identify(0);
        Assert.True(eax >= 4);
        Assert.Equal("GenuineIntel", System.Text.Encoding.ASCII.GetString([.. BitConverter.GetBytes(ebx), .. BitConverter.GetBytes(edx), .. BitConverter.GetBytes(ecx)]));
    }

    [Fact]
    public void Leaf1_IsFamily6_ModelNibble9OrMore_AndHasWhatTheGuestNeeds()
    {
        (uint eax, _, _, uint edx) = Identify(1);
        Assert.Equal(6u, (eax >> 8) & 0xF);
        Assert.InRange((eax >> 4) & 0xF, 9u, 15u);

        // FPU TSC MSR PAE CX8 CMOV FXSR. No SYSENTER, which would lead to level 0.
        Assert.Equal(Present, edx & Present);
        Assert.Equal(0u, edx & (1 << 11));
    }

    [Fact]
    public void Leaf4_EndsInType0()
    {
        for (uint index = 0; ; index++)
        {
            Assert.True(index < 16);
            if ((Identify(4, index).Eax & 0x1F) == 0)
            {
                break;
            }
        }
    }

    [Fact]
    public void Identify_IsNoTrap_FromEitherLevel()
    {
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(0x80, "end", 0xF, 3);
        kernel.GoToUser("user");
        kernel.Mark("user");
        kernel.Code.xor(eax, eax);
        kernel.Code.cpuid();
        kernel.Code.@int(0x80);
        kernel.Mark("end");
        kernel.Keep(0, ebx);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal(0x756E_6547u, machine.Kept(0));
        Assert.Equal(0, machine.Guest.Statistics.Reflected + machine.Guest.Statistics.Emulated);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TimeStamp_GoesAtTscKhz_FromEitherLevel(bool user)
    {
        // 10 ns an instruction: a loop of 1000 rounds of two instructions, and some around it.
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(0x80, "end", 0xF, 3);
        if (user)
        {
            kernel.GoToUser("code");
        }

        kernel.Mark("code");
        kernel.Code.rdtsc();
        kernel.Code.mov(esi, eax);
        kernel.Code.mov(ecx, 1000);
        kernel.Mark("busy");
        kernel.Code.dec(ecx);
        kernel.Code.jne(kernel.At("busy"));
        kernel.Code.rdtsc();
        kernel.Code.sub(eax, esi);
        if (user)
        {
            kernel.Code.@int(0x80);
        }

        kernel.Mark("end");
        kernel.Keep(0, eax);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        ulong nanoseconds = 10 * 2003;
        Assert.Equal(nanoseconds * machine.Data(1372) / 1_000_000, machine.Kept(0));
    }

    [Fact]
    public void TimeStamp_AndTheDataPagesTime_AreOneClock()
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(32, "tick");
        kernel.Call(9, 2_000_000_000);
        kernel.Call(10);
        kernel.Mark("tick");
        kernel.Code.rdtsc();
        kernel.Keep(0, eax);
        kernel.Keep(1, edx);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        ulong stamp = machine.Kept(0) | ((ulong)machine.Kept(1) << 32);
        ulong start = (ulong)new DateTimeOffset(2020, 1, 1, 0, 0, 0, TimeSpan.Zero).ToUnixTimeSeconds();
        ulong time = ((machine.Data(12) - start) * 1_000_000_000) + machine.Data(16);

        // The Switcher's way back lies between the two.
        Assert.InRange(stamp, time, time + 1000);
    }

    [Theory]
    [InlineData(false, 0x10u)]
    [InlineData(true, 0x10u)]
    [InlineData(false, 0xC000_0080u)]
    [InlineData(true, 0x174u)]
    public void ModelSpecificRegisters_AreAProtectionFault(bool write, uint number)
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Gate(13, "fault");
        kernel.Code.mov(ecx, number);
        kernel.Mark("at");
        if (write)
        {
            kernel.Code.wrmsr();
        }
        else
        {
            kernel.Code.rdmsr();
        }

        kernel.Mark("back");
        kernel.Count(5);
        kernel.ShutDown();

        // As the guest's fix-up does it: it goes on behind the instruction.
        kernel.Mark("fault");
        kernel.KeepStack(0, 2);
        kernel.Code.add(esp, 4);
        kernel.Code.add(__dword_ptr[esp], 2);
        kernel.Code.iretd();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal([0u, kernel.Addresses["at"], 1u], [machine.Kept(0), machine.Kept(1), machine.Kept(5)]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Sysenter_DoesNotLeadToTheHost(int level)
    {
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(13, "fault");
        kernel.Gate(6, "bad");
        if (level == 3)
        {
            kernel.GoToUser("at");
        }

        kernel.Mark("at");
        kernel.Code.sysenter();
        kernel.Mark("fault");
        kernel.Code.add(esp, 4);
        kernel.Mark("bad");
        kernel.KeepStack(0, 2);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.RunToShutdown();
        Assert.Equal([kernel.Addresses["at"], level == 3 ? 0x73u : 0x61u], [machine.Kept(0), machine.Kept(1)]);
    }

    private static (uint Eax, uint Ebx, uint Ecx, uint Edx) Identify(uint leaf, uint index = 0)
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Code.mov(eax, leaf);
            k.Code.mov(ecx, index);
            k.Code.cpuid();
            k.Keep(0, eax);
            k.Keep(1, ebx);
            k.Keep(2, ecx);
            k.Keep(3, edx);
            k.Init();
            k.ShutDown();
        });
        machine.RunToShutdown();
        return (machine.Kept(0), machine.Kept(1), machine.Kept(2), machine.Kept(3));
    }
}
