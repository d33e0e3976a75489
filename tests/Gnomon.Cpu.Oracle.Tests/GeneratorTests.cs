using System.Diagnostics;
using Gnomon.Cpu.Oracle.Tests.Coverage;
using Gnomon.Cpu.Oracle.Tests.Generation;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests;

public sealed class GeneratorTests
{
    [Fact]
    public void Make_EveryCode_Works()
    {
        var generator = new CaseGenerator();
        var failed = new List<string>();
        var watch = Stopwatch.StartNew();
        int n = 0;
        foreach (Code code in Profile.Compared.Append(Code.INVALID))
        {
            try
            {
                for (ulong i = 0; i < 50; i++)
                {
                    generator.Make(code, i);
                    n++;
                }
            }
            catch (InvalidOperationException e)
            {
                failed.Add(e.Message);
            }
        }

        Console.WriteLine($"{n / watch.Elapsed.TotalSeconds:F0} cases/s; {Profile.Codes.Count} codes, {Profile.Compared.Count} compared");
        Assert.Empty(failed);
    }

    [Fact]
    public void Run()
    {
        using var host = HostProcessor.Start();
        var generator = new CaseGenerator();
        var cases = new InstructionCase[AddressMap.Slots];
        var table = new SortedDictionary<string, int>();
        ulong seed = 0;
        var watch = new Stopwatch();
        for (int round = 0; round < 30; round++)
        {
            for (int i = 0; i < cases.Length; i++, seed++)
            {
                cases[i] = generator.Make(seed % 50 == 49 ? Code.INVALID : Profile.Compared[(int)(seed * 7 % (ulong)Profile.Compared.Count)], seed);
            }

            watch.Start();
            host.Run(cases, (in InstructionCase c, in CaseResult r) =>
            {
                string key = $"{Profile.Category(c.Decode().Code)} {(int)r.Context.Trap}";
                table[key] = table.GetValueOrDefault(key) + 1;
            });
            watch.Stop();
        }

        foreach ((string k, int v) in table)
        {
            Console.WriteLine($"{k}: {v}");
        }

        Console.WriteLine($"{seed / watch.Elapsed.TotalSeconds:F0}/s");
    }
}
