using System.Text;
using Gnomon.Cpu.Rom.Tests.Assembly;
using Gnomon.Cpu.Rom.Tests.Runtime;
using Iced.Intel;
using static Gnomon.Cpu.Rom.Tests.Assembly.Layout;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Rom.Tests.Scenarios;

/// <summary>Makes a ROM of a family of scenarios: it prints <c>rom NAME</c>, a line for every case and <c>end NAME</c>, and stops.</summary>
internal static class RomImage
{
    /// <summary>The POST codes at the begin and at the end; in between every case sends 1 to 7F.</summary>
    public const byte FirstPost = 0xA0;
    public const byte LastPost = 0xFF;

    /// <summary>The ROM of the family <paramref name="name"/>; its code lies <paramref name="shift"/> bytes higher than it needs to.</summary>
    public static byte[] Build(string name, Action<Scenario> family, int shift = 0) => RomWriter.Assemble(rom =>
    {
        rom.Asm.db(new byte[shift + 1]);
        Startup.EmitReset(rom);
        Recorder.Emit(rom);
        RealMode.Emit(rom);
        Reporter.Emit(rom);
        rom.Define("start");
        Post(rom.Asm, FirstPost);
        Say(rom, $"rom {name}\n");
        family(new Scenario(rom));
        Say(rom, $"end {name}\n");
        EmitStop(rom);
    });

    private static void Post(Assembler asm, byte code)
    {
        asm.mov(dx, PostPort);
        asm.mov(al, code);
        asm.@out(dx, al);
    }

    private static void Say(RomWriter rom, string text)
    {
        rom.Asm.mov(esi, rom.Data([.. Encoding.ASCII.GetBytes(text), 0]));
        rom.Asm.call(rom["text"]);
    }

    // CLI, HLT is the end. The ports before it only end the two emulators at once; elsewhere they are nothing.
    private static void EmitStop(RomWriter rom)
    {
        Post(rom.Asm, LastPost);
        rom.Asm.mov(dx, BochsExitPort);
        foreach (byte letter in "Shutdown"u8)
        {
            rom.Asm.mov(al, letter);
            rom.Asm.@out(dx, al);
        }
        rom.Asm.mov(dx, QemuExitPort);
        rom.Asm.mov(al, 0);
        rom.Asm.@out(dx, al);
        rom.Asm.cli();
        rom.Asm.hlt();
    }
}
