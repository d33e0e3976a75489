using System.Diagnostics;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests;

public sealed class HostProcessorTests
{
    [Fact]
    public void Rate()
    {
        using var host = HostProcessor.Start();
        var cases = new InstructionCase[AddressMap.Slots];
        foreach ((string name, byte[] code, CaseFlags flags) in new (string, byte[], CaseFlags)[]
        {
            ("add eax,ecx", [0x01, 0xC8], CaseFlags.None), ("fadd", [0xD8, 0xC1], CaseFlags.Fpu), ("ud2", [0x0F, 0x0B], CaseFlags.None),
            ("step", [0x01, 0xC8], CaseFlags.SingleStep), ("#PF", [0xA1, 0, 0, 0, 0x20], CaseFlags.None),
        })
        {
            for (int i = 0; i < cases.Length; i++)
            {
                ref InstructionCase c = ref cases[i];
                c = default;
                c.Seed = (ulong)i;
                c.Context.SetDefaultSegments();
                c.Context.Eip = AddressMap.Code + ((uint)i * AddressMap.SlotBytes) + AddressMap.SlotStart;
                c.Context.Eflags = 0x202u | (flags.HasFlag(CaseFlags.SingleStep) ? 0x100u : 0);
                c.Context.Eax = (uint)i;
                c.Context.Ecx = 5;
                c.Flags = flags;
                code.CopyTo((Span<byte>)c.Code);
                c.CodeLength = code.Length;
                FpuState.Initialise(c.Fpu);
            }

            var watch = Stopwatch.StartNew();
            int rounds = 10, bad = 0;
            for (int round = 0; round < rounds; round++)
            {
                host.Run(cases, (in InstructionCase c, in CaseResult r) =>
                {
                    if (bad++ == 0)
                    {
                        Console.WriteLine($"{name} trap {(int)r.Context.Trap} err {r.Context.ErrorCode:X} eip {r.Context.Eip:X} cr2 {r.Context.Cr2:X} eax {r.Context.Eax:X} cs {r.Context.Cs:X} {r.Context.Ds:X} {r.Context.Fs:X} fl {r.Context.Eflags:X} mem {r.Memory.Blocks.Count}");
                    }
                });
            }

            Console.WriteLine($"{name}: {rounds * cases.Length / watch.Elapsed.TotalSeconds:F0}/s");
        }
    }
}
