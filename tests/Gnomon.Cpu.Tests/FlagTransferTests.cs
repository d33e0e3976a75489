using Gnomon.Cpu.Events;

namespace Gnomon.Cpu.Tests;

public sealed unsafe class FlagTransferTests
{
    private const uint Everything = 0x003F7FD5;
    private const uint Status = 0x8D5;
    private const uint Vif = 1 << 19;
    private const uint Vip = 1 << 20;

    /// <summary>The lines of the manual's table "Effect of POPF/POPFD on the EFLAGS Register": mode, operand size, CPL, IOPL; which flags are
    /// set from the stack; the others stay, RF is cleared. "-" is #GP.</summary>
    public static TheoryData<string, int, int, int, string> PopRules => new()
    {
        { "real", 16, 0, 0, "NT IOPL DF IF TF" },
        { "real", 32, 0, 3, "ID AC NT IOPL DF IF TF" },
        { "protected", 16, 0, 0, "NT IOPL DF IF TF" },
        { "protected", 16, 0, 3, "NT IOPL DF IF TF" },
        { "protected", 16, 3, 2, "NT DF TF" },
        { "protected", 16, 1, 0, "NT DF TF" },
        { "protected", 16, 3, 3, "NT DF IF TF" },
        { "protected", 16, 1, 2, "NT DF IF TF" },
        { "protected", 32, 0, 0, "ID AC NT IOPL DF IF TF" },
        { "protected", 32, 2, 1, "ID AC NT DF TF" },
        { "protected", 32, 3, 0, "ID AC NT DF TF" },
        { "protected", 32, 2, 2, "ID AC NT DF IF TF" },
        { "protected", 32, 3, 3, "ID AC NT DF IF TF" },
        { "virtual", 16, 3, 0, "-" },
        { "virtual", 32, 3, 2, "-" },
        { "virtual", 16, 3, 3, "NT DF IF TF" },
        { "virtual", 32, 3, 3, "ID AC NT DF IF TF" },
    };

    [Theory]
    [MemberData(nameof(PopRules))]
    public void Pop_Table_FlagByFlag(string mode, int size, int cpl, int iopl, string changing)
    {
        uint mask = Status;
        foreach (string flag in changing.Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(flag => flag != "-"))
        {
            mask |= flag switch { "TF" => 1u << 8, "IF" => 1u << 9, "DF" => 1u << 10, "IOPL" => 3u << 12, "NT" => 1u << 14, "AC" => 1u << 18, "ID" => 1u << 21, _ => throw new ArgumentException(flag) };
        }

        foreach (uint image in new uint[] { 0, uint.MaxValue, 0x00A5_5A95, 0xFF5A_A56A })
        {
            foreach (uint before in new uint[] { 2, 2 | (Everything & ~(Flags.Iopl | Flags.Trap | Flags.Resume | Flags.Virtual8086)) })
            {
                using StringFixture fixture = Make(mode, cpl, before | ((uint)iopl << 12));
                uint old = fixture.Registers.Eflags;
                Instruction(fixture, 0x9D, size, mode == "protected");
                uint esp = fixture.Registers[GeneralRegister.Esp];
                fixture.Write32(StackAt(fixture, 0), image);
                Outcome outcome = fixture.Step();
                if (changing == "-")
                {
                    Assert.True(outcome.IsFault(Vector.GeneralProtection));
                    Assert.Equal((esp, old), (fixture.Registers[GeneralRegister.Esp], fixture.Registers.Eflags));
                    continue;
                }

                Assert.True(outcome.IsClean);
                Assert.Equal(((old & ~mask) | (image & mask)) & ~(1u << 16), fixture.Registers.Eflags);
                Assert.Equal(esp + (uint)size / 8, fixture.Registers[GeneralRegister.Esp]);
            }
        }
    }

    [Theory]
    [InlineData(0x0202u, 0u, Vif, false)]
    [InlineData(0x0002u, Vif, 0u, false)]
    [InlineData(0x0002u, Vif | Vip, Vip, false)]
    [InlineData(0x0202u, Vip, 0u, true)]
    [InlineData(0x0102u, 0u, 0u, true)]
    public void Pop_VirtualModeExtensions_MoveTheVirtualFlag(uint image, uint before, uint after, bool faults)
    {
        using StringFixture fixture = Make("virtual", 3, before | Flags.Interrupt);
        fixture.Registers.Cr4 = Cr4.VirtualMode;
        Instruction(fixture, 0x9D, 16, code32: false);
        fixture.Write32(StackAt(fixture, 0), image | 0x3000);
        Outcome outcome = fixture.Step();
        Assert.Equal(faults, outcome.IsFault(Vector.GeneralProtection));
        Assert.Equal(Flags.Virtual8086 | Flags.Interrupt | (faults ? before : after), fixture.Registers.Eflags & (Vif | Vip | Flags.Virtual8086 | 0x3300));
        Instruction(fixture, 0x9D, 32, code32: false);
        fixture.Registers.Eip = 0;
        Assert.True(fixture.Step().IsFault(Vector.GeneralProtection));
    }

    [Theory]
    [InlineData("real", 16, 0, 0, 0u, true)]
    [InlineData("protected", 32, 3, 0, 0u, true)]
    [InlineData("virtual", 16, 3, 3, 0u, true)]
    [InlineData("virtual", 32, 3, 3, 0u, true)]
    [InlineData("virtual", 16, 3, 2, 0u, false)]
    [InlineData("virtual", 32, 3, 2, Cr4.VirtualMode, false)]
    public void Push_Mode_ShowsAllButVmAndRf(string mode, int size, int cpl, int iopl, uint cr4, bool allowed)
    {
        using StringFixture fixture = Make(mode, cpl, (Everything & ~0x23000u) | ((uint)iopl << 12));
        fixture.Registers.Cr4 = cr4;
        Instruction(fixture, 0x9C, size, mode == "protected");
        uint below = StackAt(fixture, (uint)size / 8);
        fixture.Write32(below, 0xEEEEEEEE);
        Outcome outcome = fixture.Step();
        Assert.Equal(allowed, outcome.IsClean);
        if (!allowed)
        {
            Assert.True(outcome.IsFault(Vector.GeneralProtection));
            return;
        }

        uint expected = (Everything & ~0x33000u) | ((uint)iopl << 12) | 2;
        Assert.Equal(size == 16 ? expected & 0xFFFF : expected, size == 16 ? fixture.Read16(below) : fixture.Read32(below));
    }

    [Theory]
    [InlineData(Vif, 0x3202)]
    [InlineData(0u, 0x3002)]
    public void Push_VirtualModeExtensions_ShowTheVirtualFlag(uint flags, int image)
    {
        using StringFixture fixture = Make("virtual", 3, flags | (flags == 0 ? Flags.Interrupt : 0));
        fixture.Registers.Cr4 = Cr4.VirtualMode;
        Instruction(fixture, 0x9C, 16, code32: false);
        uint below = StackAt(fixture, 2);
        Assert.True(fixture.Step().IsClean);
        Assert.Equal((ushort)image, fixture.Read16(below));
    }

    /// <summary>Mode, CPL, IOPL, CR4, VIP; what CLI and STI move: IF, VIF or nothing but #GP (STI alone with VIP).</summary>
    public static TheoryData<string, int, int, uint, bool, string, string> InterruptRules => new()
    {
        { "real", 0, 0, 0, false, "IF", "IF" },
        { "protected", 0, 0, 0, false, "IF", "IF" },
        { "protected", 2, 2, 0, false, "IF", "IF" },
        { "protected", 2, 1, 0, false, "-", "-" },
        { "protected", 3, 2, 0, false, "-", "-" },
        { "protected", 3, 2, Cr4.ProtectedVirtualInterrupts, false, "VIF", "VIF" },
        { "protected", 3, 2, Cr4.ProtectedVirtualInterrupts, true, "VIF", "-" },
        { "protected", 3, 2, Cr4.VirtualMode, false, "-", "-" },
        { "protected", 2, 1, Cr4.ProtectedVirtualInterrupts, false, "-", "-" },
        { "virtual", 3, 3, 0, false, "IF", "IF" },
        { "virtual", 3, 3, Cr4.VirtualMode, true, "IF", "IF" },
        { "virtual", 3, 0, 0, false, "-", "-" },
        { "virtual", 3, 0, Cr4.ProtectedVirtualInterrupts, false, "-", "-" },
        { "virtual", 3, 0, Cr4.VirtualMode, false, "VIF", "VIF" },
        { "virtual", 3, 0, Cr4.VirtualMode, true, "VIF", "-" },
    };

    [Theory]
    [MemberData(nameof(InterruptRules))]
    public void ClearAndSet_Table_MoveTheRightFlag(string mode, int cpl, int iopl, uint cr4, bool pending, string clears, string sets)
    {
        foreach (bool set in new[] { false, true })
        {
            foreach (uint before in new[] { 0u, Flags.Interrupt | Vif })
            {
                using StringFixture fixture = Make(mode, cpl, before | ((uint)iopl << 12) | (pending ? Vip : 0));
                fixture.Registers.Cr4 = cr4;
                Instruction(fixture, set ? (byte)0xFB : (byte)0xFA, mode == "protected" ? 32 : 16, mode == "protected");
                string what = set ? sets : clears;
                Outcome outcome = fixture.Step();
                Assert.Equal(what == "-", outcome.IsFault(Vector.GeneralProtection));
                uint moved = what switch { "IF" => Flags.Interrupt, "VIF" => Vif, _ => 0 };
                Assert.Equal(set ? before | moved : before & ~moved, fixture.Registers.Eflags & (Flags.Interrupt | Vif));
                bool shadowed = set && what == "IF" && before == 0;
                Assert.Equal(shadowed ? ShadowKind.SetInterrupt : 0, fixture.State->Shadow);
            }
        }
    }

    private static StringFixture Make(string mode, int cpl, uint flags)
    {
        StringFixture fixture = new();
        switch (mode)
        {
            case "real":
                fixture.Registers.Cr0 = Cr0.ExtensionType;
                fixture.Small(StringFixture.Code);
                fixture.Registers.Cpl = 0;
                fixture.Registers[GeneralRegister.Esp] = 0x8000;
                fixture.Registers.Eip = 0;
                fixture.Registers.Eflags = flags;
                break;
            case "virtual":
                fixture.Virtual8086(flags);
                break;
            default:
                fixture.Flat(cpl);
                fixture.Registers.Eflags = flags;
                break;
        }

        return fixture;
    }

    private static void Instruction(StringFixture fixture, byte opcode, int size, bool code32)
    {
        if ((size == 32) == code32)
        {
            fixture.Program(opcode);
        }
        else
        {
            fixture.Program(0x66, opcode);
        }
    }

    private static uint StackAt(StringFixture fixture, uint below) =>
        fixture.Registers.Segment(SegmentName.Ss).Base + fixture.Registers[GeneralRegister.Esp] - below;
}
