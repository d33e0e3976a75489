using System.Text;
using Gnomon.Traces.Workloads;

namespace Gnomon.Traces.Tests;

public sealed class ParserFuzzTests
{
    private const int Mutations = 20_000;

    private static readonly string[] _words =
    [
        "init", "poke", "device", "memory", "0x", "0xffffffffffffffff", "18446744073709551616", "-1", "#", "\r", "\0", "\xff", "random:", "rw",
        "pae", "set-pmd", "stack", "cpu", "1048576", " ", "\t", "\n", "strict",
    ];

    [Fact]
    public void Parse_MutatedTraces_AreReadOrRefusedWithASentence()
    {
        Chance chance = new(20_26);
        List<byte[]> seeds = [.. Directory.GetFiles(GoldenReplayTests.Folder, "*.gtrace").Order().Select(File.ReadAllBytes)];
        int read = 0;
        for (int i = 0; i < Mutations; i++)
        {
            byte[] mutant = Mutate(chance, chance.Pick(seeds));
            try
            {
                Trace trace = Text.Parse(mutant);
                read++;

                // What can be read can be written, and reads the same.
                Assert.Equal(trace.Lines.Select(line => line.Operation), Text.Parse(Text.Write(trace)).Lines.Select(line => line.Operation));
            }
            catch (TraceFormatException error)
            {
                Assert.InRange(error.Line, 1, mutant.Length + 1);
                Assert.DoesNotContain('\n', error.Message);
            }
        }

        Assert.InRange(read, Mutations / 50, Mutations);
    }

    private static byte[] Mutate(Chance chance, byte[] seed)
    {
        List<byte> bytes = [.. seed];
        int changes = 1 + chance.Below(4);
        for (int i = 0; i < changes; i++)
        {
            int at = chance.Below(bytes.Count + 1);
            switch (chance.Below(5))
            {
                case 0:
                    bytes.InsertRange(at, Encoding.Latin1.GetBytes(chance.Pick(_words)));
                    break;
                case 1:
                    bytes.RemoveRange(at, Math.Min(bytes.Count - at, chance.Below(12)));
                    break;
                case 2 when at < bytes.Count:
                    bytes[at] = (byte)chance.Bits();
                    break;
                case 3 when at < bytes.Count:
                    bytes[at] ^= (byte)(1 << chance.Below(8));
                    break;
                default:
                    bytes.InsertRange(at, bytes.Skip(chance.Below(bytes.Count + 1)).Take(40).ToArray());
                    break;
            }
        }

        return [.. bytes];
    }
}
