using Gnomon.Memory;
using Gnomon.Monitor.Tests.Fixture;
using Gnomon.Paging;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>The Switcher: what the CPU itself goes through on its way between guest and host.</summary>
public sealed class SwitcherTests
{
    [Fact]
    public void TheCpu_GoesWhereTheStatePageSays()
    {
        // No vector is intercepted: a gate that is rewritten behind the monitor's back sends the CPU elsewhere.
        TinyKernel kernel = new();
        kernel.Init();
        kernel.Code.mov(ecx, 400);
        kernel.Mark("busy");
        kernel.Code.dec(ecx);
        kernel.Code.jne(kernel.At("busy"));
        kernel.Code.ud2();
        kernel.Mark("elsewhere");
        kernel.Code.mov(eax, cs);
        kernel.Keep(0, eax);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel);
        machine.Guest.Run(300);
        uint offset = kernel.Addresses["elsewhere"];
        machine.View.SetGate(6, new RealGate((offset & 0xFFFF) | (0x61ul << 16) | (0x8Ful << 40) | ((ulong)(offset >> 16) << 48)));
        machine.RunToShutdown();
        Assert.Equal(0x61u, machine.Kept(0));
        Assert.Equal(0, machine.Guest.Statistics.Reflected);
    }

    [Fact]
    public void EachVectorsStub_PushesTheVector_AndAZeroWithoutACode()
    {
        // Every gate is opened to level 1 behind the monitor's back, and the vector raised by INT: the frame at the end of the register
        // page has the number, code 0 and what the guest had, for vectors that have error codes and those that have none.
        for (int vector = 0; vector < 256; vector++)
        {
            if (vector is 2 or 31)
            {
                continue;
            }

            TinyKernel kernel = new();
            kernel.Init();
            kernel.Code.mov(ecx, 400);
            kernel.Mark("busy");
            kernel.Code.dec(ecx);
            kernel.Code.jne(kernel.At("busy"));
            kernel.Code.mov(ebp, 0x1234_5678);
            kernel.Code.@int((byte)vector);
            kernel.Spin("behind");
            using TinyMachine machine = new(kernel);
            machine.Guest.Run(300);
            machine.View.SetGate(vector, new RealGate(machine.View.Gate(vector).Value | (1ul << 45)));

            // Without a gate it is the end; only the FPU's trap is swallowed.
            Assert.Equal(vector == 7 ? GuestStopReason.Budget : GuestStopReason.Killed, machine.Guest.Run(2000).Reason);

            // A software INT onto a vector with an error code is marked above the vector.
            Assert.Equal((vector, (uint)vector), (vector, machine.View.Frame(11) & 0xFF));
            Assert.Equal(0u, machine.View.Frame(12));
            Assert.Equal([kernel.Addresses["behind"], 0x61u, TinyKernel.Stack, 0x69u, 0x1234_5678u], [
                machine.View.Frame(13), machine.View.Frame(14), machine.View.Frame(16), machine.View.Frame(17), machine.View.Frame(6)]);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AGuest_ThatIsMovedBetweenHostCpus_GoesOn(bool pae)
    {
        // Traps of all kinds, moved after any number of instructions: also in the middle of the Switcher, and while it is trapped.
        uint expected = Sum(pae, null);
        Random random = new(3);
        for (int round = 0; round < 20; round++)
        {
            Assert.Equal(expected, Sum(pae, machine =>
            {
                machine.Guest.HostCpu = random.Next(3);
                return (ulong)random.Next(1, 60);
            }));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AGuest_SeesOnlyThePagesOfItsHostCpu(bool pae)
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.LoadTables();
            k.Spin("here");
        }, pae, hostCpus: 3);
        machine.Guest.Run(5000);
        foreach (int hostCpu in (ReadOnlySpan<int>)[0, 1, 2, 0])
        {
            machine.Guest.HostCpu = hostCpu;
            machine.Guest.Run(500);
            uint state = machine.Guest.Processor.Registers.Idt.Base & ~0xFFFu;
            uint switcher = pae ? 0xFFE0_0000 : 0xFFC0_0000;
            HashSet<uint> own = [switcher, state, state - 0x1000];
            for (uint page = switcher; page >= switcher; page += 0x1000)
            {
                bool mapped = machine.Guest.Mmu.TryWalkShadow(0, new Gva(page), default, out HardwareTranslation found);
                Assert.Equal((hostCpu, page, own.Contains(page)), (hostCpu, page, mapped));
                if (page == state)
                {
                    Assert.Equal(machine.Switcher.Pages.State(hostCpu), found.Frame);
                }

                if (mapped)
                {
                    // None of it is the user's, and code and state are nobody's to write.
                    Assert.False(found.User);
                    Assert.Equal(page == state - 0x1000, found.Writable);
                }
            }
        }
    }

    [Fact]
    public void TwoGuests_OnOneHostCpu_HaveTheirOwnTables()
    {
        // The state page shows the one that runs: each has another handler at the same vector.
        using HostMemory host = new(64);
        using SwitcherHost switcher = new(host);
        TinyKernel[] kernels = [Kernel(1), Kernel(2)];
        ParavirtualGuest[] guests = [.. kernels.Select(kernel => new ParavirtualGuest(host, switcher, new ParavirtualOptions
        {
            Kernel = KernelImage.Parse(kernel.Build()),
            MemoryMiB = 4,
            Clock = new VirtualClock(),
        }))];
        Random random = new(5);
        for (int round = 0; round < 200; round++)
        {
            guests[round & 1].Run((ulong)random.Next(1, 100));
        }

        for (uint i = 0; i < 2; i++)
        {
            byte[] seen = new byte[8];
            guests[i].Memory.Read(new Gpa(TinyKernel.Results), seen);
            Assert.Equal(0u, BitConverter.ToUInt32(seen, (int)(4 * (1 - i))));
            Assert.InRange(BitConverter.ToUInt32(seen, (int)(4 * i)), 50u, 10_000u);
            guests[i].Dispose();
        }

        static TinyKernel Kernel(int index)
        {
            TinyKernel kernel = new();
            kernel.Init();
            kernel.Gate(3, "break", 0xF, 3);
            kernel.Mark("again");
            kernel.Code.int3();
            kernel.Code.jmp(kernel.At("again"));
            kernel.Mark("break");
            kernel.Count(index - 1);
            kernel.Code.iretd();
            return kernel;
        }
    }

    // A program that traps in many ways and sums what it sees.
    private static uint Sum(bool pae, Func<TinyMachine, ulong>? move)
    {
        TinyKernel kernel = new();
        kernel.PrepareUser();
        kernel.Gate(0x80, "direct", 0xF, 3);
        kernel.Gate(6, "bad");
        kernel.Gate(14, "page");
        kernel.GoToUser("user");
        kernel.Mark("user");
        kernel.Code.mov(edi, 60);
        kernel.Code.xor(ebp, ebp);
        kernel.Mark("next");
        kernel.Code.@int(0x80);
        kernel.Code.ud2();
        kernel.Code.mov(esi, __dword_ptr[0x5000_0000]);
        kernel.Code.dec(edi);
        kernel.Code.jne(kernel.At("next"));
        kernel.Code.mov(edi, 0x7777);
        kernel.Code.@int(0x80);
        kernel.Mark("direct");
        kernel.Code.imul(ebp, ebp, 31);
        kernel.Code.add(ebp, edi);
        kernel.Code.cmp(edi, 0x7777);
        kernel.Code.je(kernel.At("end"));
        kernel.Code.push(edi);
        kernel.Call(5);
        kernel.Code.pop(edi);
        kernel.Code.iretd();
        kernel.Mark("bad");
        kernel.Code.add(ebp, __dword_ptr[esp]);
        kernel.Code.add(__dword_ptr[esp], 2);
        kernel.Code.iretd();
        kernel.Mark("page");
        kernel.Code.add(esp, 4);
        kernel.Code.xor(ebp, __dword_ptr[TinyKernel.Data + 8]);
        kernel.Code.add(__dword_ptr[esp], 6);
        kernel.Code.iretd();
        kernel.Mark("end");
        kernel.Keep(0, ebp);
        kernel.ShutDown();
        using TinyMachine machine = new(kernel, pae, hostCpus: 3);
        GuestStop stop = default;
        for (int i = 0; i < 100_000 && !stop.IsFinal; i++)
        {
            stop = machine.Guest.Run(move?.Invoke(machine) ?? 100_000);
        }

        Assert.Equal(GuestStopReason.Shutdown, stop.Reason);
        Assert.Null(machine.Guest.Mmu.Audit());
        return machine.Kept(0);
    }
}
