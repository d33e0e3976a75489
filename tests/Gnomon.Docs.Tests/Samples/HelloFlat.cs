using System.Text;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Docs.Tests.Samples;

/// <summary>The flat program of the README, docs/samples/hello.bin: prints a line and ends.</summary>
internal static class HelloFlat
{
    /// <summary>Where it is kept.</summary>
    public const string Path = "docs/samples/hello.bin";

    // Where `gnomon run --flat` loads a program for which no address is named.
    private const ulong LoadAddress = 0x10_0000;

    /// <summary>Its bytes.</summary>
    public static byte[] Assemble()
    {
        using MemoryStream bytes = new();

        // sample
        Assembler a = new(bitness: 32);
        Label start = a.CreateLabel(), next = a.CreateLabel(), end = a.CreateLabel();
        a.call(start);                              // pushes the address of the text
        a.db(Encoding.UTF8.GetBytes("Hello from ring 0.\n\0"));
        a.Label(ref start);
        a.pop(esi);
        a.Label(ref next);
        a.lodsb();
        a.test(al, al);
        a.je(end);
        a.@out(0xE9, al);                           // a byte of text
        a.jmp(next);
        a.Label(ref end);
        a.hlt();                                    // interrupts are off: the run ends with status 0
        a.Assemble(new StreamCodeWriter(bytes), rip: LoadAddress);
        // end of sample
        return bytes.ToArray();
    }
}
