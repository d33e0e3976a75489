using System.Buffers.Binary;
using System.Text;
using Gnomon.Memory;
using Gnomon.Monitor.Tests.Fixture;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor.Tests;

/// <summary>What a guest finds when it starts.</summary>
public sealed class StartTests
{
    private const uint Size = TinyMachine.MemoryMiB << 20;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Registers_AtTheFirstInstruction_AreZeroButForThose(bool pae)
    {
        TinyKernel kernel = new(bare: true);
        int next = 0;
        kernel.Mark("entry");
        foreach (Iced.Intel.AssemblerRegister32 register in (Iced.Intel.AssemblerRegister32[])[eax, ebx, ecx, edx, esi, edi, ebp, esp])
        {
            kernel.Keep(next++, register);
        }

        foreach (Iced.Intel.AssemblerRegisterSegment segment in (Iced.Intel.AssemblerRegisterSegment[])[cs, ds, es, ss, fs, gs])
        {
            kernel.Code.mov(eax, segment);
            kernel.Keep(next++, eax);
        }

        kernel.Code.mov(esp, TinyKernel.Stack);
        kernel.Code.pushfd();
        kernel.Code.pop(eax);
        kernel.Keep(next, eax);
        kernel.Init();
        kernel.ShutDown();
        using TinyMachine machine = new(kernel, pae);
        Assert.Equal(kernel.Addresses["entry"], machine.Guest.Registers.Eip);
        machine.RunToShutdown();
        uint[] expected = [0, 0, 0, 0, 0, 0, 0, 0, 0x61, 0x69, 0x69, 0x69, 0, 0, 0x202];
        Assert.Equal(expected, Enumerable.Range(0, expected.Length).Select(machine.Kept));
    }

    [Theory]
    [InlineData(false, "")]
    [InlineData(true, "console=hvc0 root=/dev/vda")]
    public void BootParameters_AreAtZero_AndHoldNothingElse(bool withDisk, string line)
    {
        byte[] disk = withDisk ? [.. Enumerable.Range(0, 5000).Select(i => (byte)((i * 7) + 1))] : [];
        using TinyMachine machine = TinyMachine.Of(k => k.ShutDown(), change: o => o with { RamDisk = disk, CommandLine = line });
        byte[] expected = new byte[4096];

        // Linux Documentation/x86/zero-page.txt and boot.txt.
        expected[0x1E8] = 1;
        BinaryPrimitives.WriteUInt64LittleEndian(expected.AsSpan(0x2D8), Size);
        expected[0x2E0] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(expected.AsSpan(0x206), 0x207);
        expected[0x211] = 0x40;
        BinaryPrimitives.WriteUInt32LittleEndian(expected.AsSpan(0x228), 0x1000);
        BinaryPrimitives.WriteUInt32LittleEndian(expected.AsSpan(0x230), 0x0100_0000);
        BinaryPrimitives.WriteUInt32LittleEndian(expected.AsSpan(0x23C), 1);
        if (withDisk)
        {
            expected[0x210] = 0xFF;
            BinaryPrimitives.WriteUInt32LittleEndian(expected.AsSpan(0x218), Size - 0x2000);
            BinaryPrimitives.WriteUInt32LittleEndian(expected.AsSpan(0x21C), 5000);
        }

        Assert.Equal(expected, Bytes(machine, 0, 4096));
        Assert.Equal([.. Encoding.ASCII.GetBytes(line), 0], Bytes(machine, 0x1000, line.Length + 1));
        if (withDisk)
        {
            Assert.Equal(disk, Bytes(machine, Size - 0x2000, disk.Length));
        }
    }

    [Theory]
    [InlineData(1, 0x1000)]
    [InlineData(4096, 0x1000)]
    [InlineData(4097, 0x2000)]
    public void RamDisk_OfAnyLength_IsPageAlignedAtTheTop(int length, uint below)
    {
        byte[] disk = new byte[length];
        Array.Fill(disk, (byte)0x5C);
        using TinyMachine machine = TinyMachine.Of(k => k.ShutDown(), change: o => o with { RamDisk = disk });
        Assert.Equal(Size - below, machine.Read32(0x218));
        Assert.Equal(disk, Bytes(machine, Size - below, length));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void ControlRegisters_WithAndWithoutTables_AreWhatTheGuestAssumes(bool pae, bool tables)
    {
        using TinyMachine machine = TinyMachine.Of(
            k =>
            {
                k.Init();
                if (tables)
                {
                    k.LoadTables();
                }

                k.Spin("here");
            },
            pae);
        machine.Run(10_000);

        // PE MP NE WP AM PG; ET is always one (Intel SDM vol. 3, 2.5).
        Assert.Equal(0x8005_0023u | (1 << 4), machine.Guest.Processor.Registers.Cr0);
        Assert.Equal((1u << 9) | (pae ? 1u << 5 : 0), machine.Guest.Processor.Registers.Cr4);
    }

    [Fact]
    public void Cr4_WithoutFxsrInTheProfile_HasNoOsfxsr()
    {
        using TinyMachine machine = TinyMachine.Of(
            k => k.Spin("here"),
            change: o => o with { Profile = o.Profile with { Features = o.Profile.Features & ~(1u << 24) } });
        machine.Run(1000);
        Assert.Equal(0u, machine.Guest.Processor.Registers.Cr4);
    }

    [Fact]
    public void Descriptors12And13_AreFlatOfLevel1()
    {
        using TinyMachine machine = TinyMachine.Of(k => k.Spin("here"));
        machine.Run(100);
        foreach ((int index, ulong type) in (ReadOnlySpan<(int, ulong)>)[(12, 0xA), (13, 0x2)])
        {
            ulong descriptor = machine.View.Descriptor(index);
            Assert.Equal(0u, ((descriptor >> 16) & 0xFF_FFFF) | (descriptor >> 56 << 24));
            Assert.Equal(0xF_FFFFu, (descriptor & 0xFFFF) | ((descriptor >> 48 & 0xF) << 16));
            Assert.Equal(0xCu, (descriptor >> 52) & 0xF);

            // Present, level 1, code or data; the accessed bit aside.
            Assert.Equal(0xB0 | type, (descriptor >> 40) & 0xFE);
        }
    }

    [Fact]
    public void InterruptTable_IsEmpty()
    {
        using TinyMachine machine = TinyMachine.Of(k =>
        {
            k.Init();
            k.Mark("bad");
            k.Code.ud2();
        });
        string reason = machine.RunToDeath();
        Assert.Contains("0x6 ", reason, StringComparison.Ordinal);
        Assert.Contains($"0x{machine.Kernel.Addresses["bad"]:x}", reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void LinearMode_IsTheSupervisors_AndWritable(bool pae)
    {
        TinyKernel kernel = new();
        kernel.Init();
        kernel.LoadUserSegments();
        kernel.SetStack();
        kernel.Gate(14, "fault");
        kernel.Code.mov(__dword_ptr[0x30_0000], 0x1234_5678);
        kernel.GoToUser("user");
        kernel.Mark("fault");
        kernel.KeepStack(0, 2);
        kernel.ShutDown();
        kernel.Mark("user");
        kernel.Code.nop();
        using TinyMachine machine = new(kernel, pae);
        machine.RunToShutdown();
        Assert.Equal(0x1234_5678u, machine.Read32(0x30_0000));

        // Present, a user, and with no-execute a fetch; at the user's first instruction.
        Assert.Equal(pae ? 0x15u : 0x5u, machine.Kept(0));
        Assert.Equal(kernel.Addresses["user"], machine.Kept(1));
    }

    [Fact]
    public void BzImage_GoesTo1MiB_AndStartsAtCode32Start()
    {
        byte[] code = new byte[0x3000];
        for (int i = 0; i < code.Length; i++)
        {
            code[i] = (byte)(i * 3);
        }

        byte[] file = new byte[(3 + 1) * 512 + code.Length];
        file[0x1F1] = 3;
        "HdrS"u8.CopyTo(file.AsSpan(0x202));
        ElfBuilder.Put16(file, 0x206, 0x20A);
        file[0x211] = 1;
        ElfBuilder.Put32(file, 0x1F4, (uint)code.Length / 16);
        ElfBuilder.Put32(file, 0x214, 0x10_0200);
        code.CopyTo(file.AsSpan((3 + 1) * 512));
        using TinyMachine machine = TinyMachine.Of(k => k.ShutDown(), change: o => o with { Kernel = KernelImage.Parse(file) });
        Assert.Equal(code, Bytes(machine, 0x10_0000, code.Length));
        Assert.Equal(0x10_0200u, machine.Guest.Registers.Eip);
    }

    [Fact]
    public void ElfSegments_GoToTheirPhysicalAddresses_AndTheEntryIsPhysical()
    {
        byte[] code = [.. Enumerable.Range(0, 700).Select(i => (byte)(i ^ 0x3A))];
        byte[] file = ElfBuilder.Executable(0x20_0000, code, 0x20_0123);
        using TinyMachine machine = TinyMachine.Of(k => k.ShutDown(), change: o => o with { Kernel = KernelImage.Parse(file) });
        Assert.Equal([.. code, .. new byte[0x1000]], Bytes(machine, 0x20_0000, code.Length + 0x1000));
        Assert.Equal(0x20_0123u, machine.Guest.Registers.Eip);
    }

    [Fact]
    public void DeviceWindows_BeginOneMegabyteAboveMemory()
    {
        Gpa seen = default;
        using TinyMachine machine = TinyMachine.Of(
            k => k.ShutDown(),
            change: o => o with
            {
                Devices = site =>
                {
                    seen = site.Windows;
                    return new GuestDevices();
                },
            });
        Assert.Equal(Size + (1ul << 20), seen.Value);
    }

    private static byte[] Bytes(TinyMachine machine, uint address, int length)
    {
        byte[] bytes = new byte[length];
        Assert.Equal(PageStatus.Ok, machine.Guest.Memory.Read(new Gpa(address), bytes));
        return bytes;
    }
}
