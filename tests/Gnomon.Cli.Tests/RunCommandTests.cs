using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cli.Tests;

/// <summary>Programs on a bare machine, as a user runs them.</summary>
public sealed class RunCommandTests
{
    private const ulong Start = 0x10_0000;

    [Fact]
    public void Flat_PortsAndHalt_PrintsCodesAndTextAndEndsWithStatus0()
    {
        using TemporaryFolder folder = new();
        string file = Program(folder, a =>
        {
            Text(a, "Hé");
            Post(a, 0x0A);
            Post(a, 0xFF);
            Text(a, "end\n");
            a.hlt();
        });

        Ended ended = GnomonProcess.Run("run", "--flat", file);

        Assert.Equal((0, "Hé\nPOST 0A\nPOST FF\nend\n", ""), (ended.Status, ended.Output, ended.Error));
    }

    [Fact]
    public void Flat_AtTheStart_HasTheStateThatHelpPromises()
    {
        using TemporaryFolder folder = new();
        string file = Program(folder, a =>
        {
            // Every general register but ESP is zero; ESP is 0x80000, and there is memory below it; EFLAGS is 2.
            Label wrong = a.CreateLabel();
            foreach (AssemblerRegister32 register in new[] { eax, ecx, edx, ebx, ebp, esi, edi })
            {
                a.test(register, register);
                a.jnz(wrong);
            }

            a.cmp(esp, 0x8_0000);
            a.jne(wrong);
            a.push(0x1234_5678);
            a.pop(ebx);
            a.cmp(ebx, 0x1234_5678);
            a.jne(wrong);

            // The table at 0x1000: code that can be read, data that can be written, both flat (Intel SDM vol. 3, 3.4.5).
            a.cmp(__dword_ptr[0x1008], 0x0000_FFFF);
            a.jne(wrong);
            a.cmp(__dword_ptr[0x100C], 0x00CF_9B00);
            a.jne(wrong);
            a.cmp(__dword_ptr[0x1014], 0x00CF_9300);
            a.jne(wrong);
            Post(a, 1);
            a.hlt();
            a.Label(ref wrong);
            Post(a, 0xEE);
            a.hlt();
        });

        Assert.Equal("POST 01\n", GnomonProcess.Run("run", "--flat", file).Output);
    }

    [Fact]
    public void Flat_SeveralFiles_StartsAtTheFirstAndLoadsAll()
    {
        using TemporaryFolder folder = new();
        string data = folder.Write("data@home", "A");
        string file = Program(folder, a =>
        {
            a.mov(al, __byte_ptr[0x30_0000]);
            a.@out(0xE9, al);
            a.hlt();
        });

        Ended ended = GnomonProcess.Run("run", "--flat", file, "--flat", $"{data}@0x300000", "--memory", "4");

        Assert.Equal((0, "A\n", ""), (ended.Status, ended.Output, ended.Error));
    }

    [Fact]
    public void Flat_FromStandardInputAtAnAddress_Runs()
    {
        byte[] code = Assembled(0x3000, a =>
        {
            a.call(0x3020);
            a.ud2();
        });
        code = [.. code, .. Enumerable.Repeat((byte)0x90, 0x20 - code.Length), 0xF4];

        Ended ended = GnomonProcess.Run(code, "run", "--flat", "-@0x3000", "--memory", "1");

        Assert.Equal((0, "", ""), (ended.Status, ended.Output, ended.Error));
    }

    [Fact]
    public void Bios_AtReset_RunsTheRomsLastBytesAndSeesItBelow1MiB()
    {
        // FFFFFFF0: far jump to F000:0000, whose linear address is 0xF0000: the same byte as 0xFFFF0000.
        byte[] rom = new byte[64 << 10];
        byte[] jump = [0xEA, 0x00, 0x00, 0x00, 0xF0];
        byte[] main = [0xB0, 0x42, 0xE6, 0xE9, 0xF4];
        jump.CopyTo(rom, 0xFFF0);
        main.CopyTo(rom, 0);
        using TemporaryFolder folder = new();
        File.WriteAllBytes(folder.File("rom"), rom);

        Ended ended = GnomonProcess.Run("run", "--bios", folder.File("rom"));

        Assert.Equal((0, "B\n", ""), (ended.Status, ended.Output, ended.Error));
    }

    [Fact]
    public void Flat_ExceptionWithoutTable_EndsWithStatus4()
    {
        using TemporaryFolder folder = new();

        Ended ended = GnomonProcess.Run("run", "--flat", Program(folder, a =>
        {
            Text(a, "x");
            a.ud2();
        }));

        Assert.Equal((4, "x\n"), (ended.Status, ended.Output));
        Assert.Contains("triple fault at 0008:00100004", ended.Error, StringComparison.Ordinal);
        ReplayCommandTests.AssertOneSentence(ended);
    }

    [Theory]
    [InlineData("1", "at 0008:00100002 ")]
    [InlineData("2", "at 0008:00100003 ")]
    [InlineData("2000002", "at 0008:00100003 ")]
    [InlineData("2000003", "at 0008:00100002 ")]
    public void MaxInstructions_EndlessLoop_EndsWithStatus5AfterExactlySoMany(string most, string place)
    {
        using TemporaryFolder folder = new();
        string file = Program(folder, a =>
        {
            // The first instruction, then increments and jumps in turn.
            Label loop = a.CreateLabel();
            a.xor(eax, eax);
            a.Label(ref loop);
            a.inc(eax);
            a.jmp(loop);
        });

        Ended ended = GnomonProcess.Run("run", "--flat", file, "--max-instructions", most, "--stats");

        Assert.Equal(5, ended.Status);
        Assert.Equal($"  instructions {most}", ended.Lines[0]);
        Assert.Contains(place, ended.Error, StringComparison.Ordinal);
        Assert.Contains($" after {most} instructions", ended.Error, StringComparison.Ordinal);
        ReplayCommandTests.AssertOneSentence(ended);
    }

    [Fact]
    public void Flat_HaltWithInterruptsOn_EndsWithStatus6()
    {
        using TemporaryFolder folder = new();

        Ended ended = GnomonProcess.Run("run", "--flat", Program(folder, a =>
        {
            a.sti();
            a.hlt();
        }));

        Assert.Equal((6, ""), (ended.Status, ended.Output));
        ReplayCommandTests.AssertOneSentence(ended);
    }

    [Fact]
    public void OpenBusAndOtherPorts_ReadAsAllOnesAndLoseWrites()
    {
        using TemporaryFolder folder = new();
        string file = Program(folder, a =>
        {
            // Memory ends at 2 MiB: stores behind it are lost, and -1 + 1 is zero whatever was stored.
            a.mov(__dword_ptr[0x20_0000], 5);
            a.mov(eax, __dword_ptr[0x20_0000]);
            a.inc(eax);
            a.add(__dword_ptr[0xF000_0000], 7);
            a.mov(ecx, __dword_ptr[0xF000_0000]);
            a.inc(ecx);
            a.or(eax, ecx);
            a.@out(0xE8, al);
            a.add(al, (sbyte)'0');
            a.@out(0xE9, al);
            a.hlt();
        });

        Assert.Equal("0\n", GnomonProcess.Run("run", "--flat", file, "--memory", "2").Output);
    }

    [Fact]
    public void Stats_AfterTheRun_PrintsCountersInOrder()
    {
        using TemporaryFolder folder = new();

        Ended ended = GnomonProcess.Run("run", "--flat", Program(folder, a =>
        {
            a.inc(eax);
            a.hlt();
        }), "--stats");

        Assert.Equal(0, ended.Status);
        Assert.Equal(["instructions", "blocks-built", "code-pages-dropped", "tlb-walks", "mips"], ended.Lines.Select(line => line.Trim().Split(' ')[0]));
        Assert.Equal("  instructions 2", ended.Lines[0]);
        Assert.Equal("  tlb-walks 0", ended.Lines[3]);
    }

    [Fact]
    public void TraceInstructions_KnownProgram_IsWrittenLineByLine()
    {
        using TemporaryFolder folder = new();
        string trace = folder.File("trace.txt");
        string file = Program(folder, a =>
        {
            a.mov(eax, 0xFF);
            a.add(al, 1);
            a.push(eax);
            a.@out(0xE9, al);
            a.ud2();
        });

        Ended ended = GnomonProcess.Run("run", "--flat", file, $"--trace-instructions={trace}");

        // FF + 1 = 0 with a carry: CF, PF (no bit set), AF, ZF and the bit that is always one.
        Assert.Equal((4, "\0\n"), (ended.Status, ended.Output));
        Assert.Equal(
            """
            start eax=00000000 ecx=00000000 edx=00000000 ebx=00000000 esp=00080000 ebp=00000000 esi=00000000 edi=00000000 es=0010 cs=0008 ss=0010 ds=0010 fs=0010 gs=0010 cr0=00000011 cr2=00000000 cr3=00000000 cr4=00000000 eflags=00000002()
            0008:00100000  b8ff000000               mov eax, 0xff                        eax=000000ff
            0008:00100005  0401                     add al, 1                            eax=00000000 eflags=00000057(CF PF AF ZF)
            0008:00100007  50                       push eax                             esp=0007fffc
            0008:00100008  e6e9                     out 0xe9, al
            0008:0010000a  0f0b                     ud2                                  #UD

            """.ReplaceLineEndings("\n"),
            File.ReadAllText(trace));
    }

    [Fact]
    public void TraceInstructions_WithoutFile_GoesToStandardError()
    {
        using TemporaryFolder folder = new();

        Ended ended = GnomonProcess.Run("run", "--flat", Program(folder, a => a.hlt()), "--trace-instructions");

        Assert.Equal((0, ""), (ended.Status, ended.Output));
        Assert.EndsWith("\n0008:00100000  f4                       hlt\n", ended.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void TraceInstructions_OfARunWithoutIt_ChangesNothing()
    {
        using TemporaryFolder folder = new();
        string file = Program(folder, a =>
        {
            Label loop = a.CreateLabel();
            a.mov(ecx, 26);
            a.mov(al, (byte)'a');
            a.Label(ref loop);
            a.@out(0xE9, al);
            a.inc(eax);
            a.dec(ecx);
            a.jnz(loop);
            a.hlt();
        });

        Ended plain = GnomonProcess.Run("run", "--flat", file);
        Ended traced = GnomonProcess.Run("run", "--flat", file, "--trace-instructions");

        Assert.Equal((0, "abcdefghijklmnopqrstuvwxyz\n"), (plain.Status, plain.Output));
        Assert.Equal((plain.Status, plain.Output), (traced.Status, traced.Output));
        Assert.Equal(1 + 2 + (26 * 4) + 1, traced.Error.Count(c => c == '\n'));
    }

    [Theory]
    [InlineData("--flat {0}/empty", "is empty")]
    [InlineData("--flat {0}/one --memory 1", "memory ends at 0x100000")]
    [InlineData("--flat {0}/one@0x100000000", "memory ends at 0x4000000")]
    [InlineData("--flat {0}/rom@0x3fffff0", "does not fit between 0x3fffff0 and the end of memory, 0x4000000")]
    [InlineData("--flat {0}/rom --flat {0}/one@0x10ffff", "overlaps")]
    [InlineData("--flat {0}/one@0x10ffff --flat {0}/rom", "overlaps")]
    [InlineData("--flat - --flat -@0x200000", "once only")]
    [InlineData("--bios {0}/one", "has 1 bytes; a ROM has 64, 128, 192 or 256 KiB")]
    [InlineData("--bios {0}/large", "longer than 256 KiB")]
    [InlineData("--bios {0}/empty", "is empty")]
    public void Run_BadFile_EndsWithStatus2AndOneSentence(string line, string sentence)
    {
        using TemporaryFolder folder = new();
        folder.Write("empty", "");
        folder.Write("one", "\xf4");
        folder.Write("rom", new string('\xf4', 64 << 10));
        folder.Write("large", new string('\xf4', 320 << 10));

        Ended ended = GnomonProcess.Run(["run", .. line.Replace("{0}", folder.Path, StringComparison.Ordinal).Split(' ')]);

        Assert.Equal((2, ""), (ended.Status, ended.Output));
        Assert.Contains(sentence, ended.Error, StringComparison.Ordinal);
        ReplayCommandTests.AssertOneSentence(ended);
    }

    [Theory]
    [InlineData("--flat {0}/missing", "does not exist")]
    [InlineData("--flat {0}/missing@0x2000", "missing does not exist")]
    [InlineData("--flat {0}/missing@here", "missing@here does not exist")]
    [InlineData("--flat {0}", "is a directory")]
    [InlineData("--bios {0}/missing/deeper", "does not exist")]
    [InlineData("--flat {0}/one --trace-instructions={0}/no/such/folder", "cannot be written")]
    public void Run_FileThatCannotBeUsed_EndsWithStatus3AndOneSentence(string line, string sentence)
    {
        using TemporaryFolder folder = new();
        folder.Write("one", "\xf4");

        Ended ended = GnomonProcess.Run(["run", .. line.Replace("{0}", folder.Path, StringComparison.Ordinal).Split(' ')]);

        Assert.Equal((3, ""), (ended.Status, ended.Output));
        Assert.Contains(sentence, ended.Error, StringComparison.Ordinal);
        ReplayCommandTests.AssertOneSentence(ended);
    }

    [Fact]
    public void Flat_FilesThatTouch_DoNotOverlap()
    {
        using TemporaryFolder folder = new();
        folder.Write("one", "\xf4");

        Ended ended = GnomonProcess.Run("run", "--flat", $"{folder.File("one")}@0x2000", "--flat", $"{folder.File("one")}@0x2001", "--flat", $"{folder.File("one")}@0x1fff");

        Assert.Equal((0, "", ""), (ended.Status, ended.Output, ended.Error));
    }

    private static string Program(TemporaryFolder folder, Action<Assembler> write)
    {
        string file = folder.File("program");
        File.WriteAllBytes(file, Assembled(Start, write));
        return file;
    }

    private static byte[] Assembled(ulong address, Action<Assembler> write)
    {
        Assembler a = new(32);
        write(a);
        using MemoryStream code = new();
        a.Assemble(new StreamCodeWriter(code), address);
        return code.ToArray();
    }

    private static void Text(Assembler a, string text)
    {
        foreach (byte part in System.Text.Encoding.UTF8.GetBytes(text))
        {
            a.mov(al, part);
            a.@out(0xE9, al);
        }
    }

    private static void Post(Assembler a, byte code)
    {
        a.mov(dx, 0x190);
        a.mov(al, code);
        a.@out(dx, al);
    }
}
