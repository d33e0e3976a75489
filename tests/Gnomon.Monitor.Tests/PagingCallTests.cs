using Gnomon.Memory;
using Gnomon.Monitor.Tests.Fixture;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>Hypercalls about page tables: each makes a change visible that the guest has written before.</summary>
public sealed class PagingCallTests
{
    private const uint Page = 0x30_0000;
    private const uint Other = 0x31_0000;
    private const uint Size = TinyMachine.MemoryMiB << 20;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void NewPageTable_IsWhatTheGuestRunsOn(bool pae)
    {
        using TinyMachine machine = Machine(
            k =>
            {
                k.Code.mov(eax, __dword_ptr[Page]);
                k.Keep(0, eax);
                k.LoadTables();
                Read(k, 1, Page);
            },
            pae,
            loaded: false);
        machine.WriteEntry(Page, Other | TinyMachine.EntryFlags);
        machine.RunToShutdown();
        Assert.Equal([1u, 2u], [machine.Kept(0), machine.Kept(1)]);
    }

    [Theory]
    [InlineData(Size)]
    [InlineData(0xFFFF_F000)]
    public void NewPageTable_OutsideMemory_Kills(uint address)
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Call(4, address);
            k.ShutDown();
        });
        Assert.Contains($"0x{address:x}", machine.RunToDeath(), StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData(false, Page, 0u)]
    [InlineData(true, Page, 0u)]
    [InlineData(false, Page, 1u)]
    [InlineData(true, Page, 1u)]
    [InlineData(false, TinyMachine.KernelHalf + Page, 1u)]
    [InlineData(true, TinyMachine.KernelHalf + Page, 0x100u)]
    public void FlushTlb_MakesTablesTrueAgain(bool pae, uint address, uint what)
    {
        using TinyMachine machine = Machine(
            k =>
            {
                Read(k, 0, address);
                Change(k, pae, address);
                k.Call(5, what);
                Read(k, 1, address);
            },
            pae);
        machine.RunToShutdown();
        Assert.Equal([1u, 2u], [machine.Kept(0), machine.Kept(1)]);
    }

    [Theory]
    [InlineData(false, Page)]
    [InlineData(true, Page)]
    [InlineData(false, TinyMachine.KernelHalf + Page)]
    [InlineData(true, TinyMachine.KernelHalf + Page)]
    public void SetPte_ChangesOneEntry(bool pae, uint address)
    {
        using TinyMachine machine = Machine(
            k =>
            {
                Read(k, 0, address);
                Change(k, pae, address);
                k.Call(14, TinyMachine.Directory, address, Other | TinyMachine.EntryFlags);
                Read(k, 1, address);
            },
            pae);
        machine.RunToShutdown();
        Assert.Equal([1u, 2u], [machine.Kept(0), machine.Kept(1)]);
    }

    [Fact]
    public void SetPte_InPae_TakesTheHighWordFromEsi()
    {
        // Bit 63 forbids execution: the next call there is a page fault with bits P and I.
        using TinyMachine machine = Machine(
            k =>
            {
                k.Gate(14, "fault");
                k.Code.mov(__byte_ptr[Page + 16], 0xC3);
                k.Code.mov(edi, Page + 16);
                k.Code.call(edi);
                k.Count(0);
                k.Code.mov(__dword_ptr[new TinyEntry(Page).Address + 4], 0x8000_0000);
                k.Call(14, TinyMachine.Directory, Page, Page | TinyMachine.EntryFlags, 0x8000_0000);
                k.Code.call(edi);
                k.Code.ud2();
                k.Mark("fault");
                k.KeepStack(1, 2);
            },
            pae: true);
        machine.RunToShutdown();
        Assert.Equal([1u, 0x11u, Page + 16], [machine.Kept(0), machine.Kept(1), machine.Kept(2)]);
    }

    [Fact]
    public void SetPgd_UnlinksWhatHungThere()
    {
        const uint NewTable = 0x3_0000;
        using TinyMachine machine = Machine(
            k =>
            {
                Read(k, 0, TinyMachine.KernelHalf + Page);
                k.Code.mov(__dword_ptr[NewTable + (0x300 * 4)], (int)(Other | TinyMachine.EntryFlags));
                k.Code.mov(__dword_ptr[TinyMachine.Directory + (768 * 4)], (int)(NewTable | TinyMachine.EntryFlags));
                k.Call(15, TinyMachine.Directory, 768);
                Read(k, 1, TinyMachine.KernelHalf + Page);
            },
            pae: false);
        machine.RunToShutdown();
        Assert.Equal([1u, 2u], [machine.Kept(0), machine.Kept(1)]);
    }

    [Fact]
    public void SetPgdAndPmd_InPae_UnlinkWhatHungThere()
    {
        const uint NewTable = 0x3_0000;
        const uint NewMiddle = 0x3_1000;
        using TinyMachine machine = Machine(
            k =>
            {
                Read(k, 0, TinyMachine.KernelHalf + Page);
                k.Code.mov(__dword_ptr[NewTable + (0x100 * 8)], (int)(Other | TinyMachine.EntryFlags));
                k.Code.mov(__dword_ptr[0x2_4008], (int)(NewTable | TinyMachine.EntryFlags));
                k.Call(13, 0x2_4000, 1);
                Read(k, 1, TinyMachine.KernelHalf + Page);

                // A middle table whose second entry is the first leaf table again.
                k.Code.mov(__dword_ptr[NewMiddle + 8], (int)(0x2_6000 | TinyMachine.EntryFlags));
                k.Code.mov(__dword_ptr[TinyMachine.Directory + 24], (int)(NewMiddle | 1));
                k.Call(15, TinyMachine.Directory | 0x1F, 3);
                Read(k, 2, TinyMachine.KernelHalf + Page);
            },
            pae: true);
        machine.RunToShutdown();
        Assert.Equal([1u, 2u, 1u], [machine.Kept(0), machine.Kept(1), machine.Kept(2)]);
    }

    [Theory]
    [InlineData(13, true, 0x2_1000u, 512u)]
    [InlineData(13, true, Size, 0u)]
    [InlineData(15, true, TinyMachine.Directory, 4u)]
    [InlineData(15, false, TinyMachine.Directory, 1024u)]
    [InlineData(15, false, Size, 0u)]
    [InlineData(14, false, TinyMachine.Directory, 0xFFC0_0000u)]
    [InlineData(14, true, TinyMachine.Directory, 0xFFE0_0000u)]
    [InlineData(13, false, 0x2_1000u, 0u)]
    public void Arguments_OutOfRange_Kill(uint number, bool pae, uint first, uint second)
    {
        using TinyMachine machine = Machine(k => k.Call(number, first, second, 0x3_0067), pae);
        machine.RunToDeath();
    }

    // Page holds 1 and Other 2.
    private static TinyMachine Machine(Action<TinyKernel> write, bool pae, bool loaded = true)
    {
        TinyMachine machine = TinyMachine.Of(
            k =>
            {
                k.Init();
                if (loaded)
                {
                    k.LoadTables();
                }

                write(k);
                k.ShutDown();
            },
            pae);
        machine.Write32(Page, 1);
        machine.Write32(Other, 2);
        return machine;
    }

    private static void Read(TinyKernel kernel, int index, uint address)
    {
        kernel.Code.mov(eax, __dword_ptr[address]);
        kernel.Keep(index, eax);
    }

    // The guest writes its own entry, at a place that the test works out from the architecture.
    private static void Change(TinyKernel kernel, bool pae, uint address)
    {
        uint tables = address >= TinyMachine.KernelHalf ? 0x2_5000u : 0x2_2000u;
        uint index = (address & 0x3F_FFFF) >> 12;
        kernel.Code.mov(__dword_ptr[tables + (index * (pae ? 8u : 4u))], (int)(Other | TinyMachine.EntryFlags));
    }

    private readonly record struct TinyEntry(uint Page)
    {
        public uint Address => 0x2_2000 + ((Page >> 12) * 8);
    }
}
