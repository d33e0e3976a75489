using System.Text;

namespace Gnomon.Cpu.X87.Tests;

/// <summary>Every instruction but the transcendental ones on random states, against the processor of this machine, bit for bit.</summary>
public sealed class HostTests
{
    private const int Seed = 20260;
    private const int MaximumReports = 12;

    [Theory]
    [InlineData(0xD8)]
    [InlineData(0xDA)]
    [InlineData(0xDC)]
    [InlineData(0xDE)]
    public void Arithmetic_RandomStates_IsAsOnTheHost(int opcode)
    {
        List<int> forms = [];
        for (int reg = 0; reg < 8; reg++)
        {
            forms.Add(reg << 3);
        }
        for (int modrm = 0xC0; modrm <= 0xFF; modrm++)
        {
            forms.Add(modrm);
        }
        RunForms(opcode, forms, TestSettings.Steps(3000));
    }

    [Theory]
    [InlineData(0xD9)]
    [InlineData(0xDB)]
    [InlineData(0xDD)]
    [InlineData(0xDF)]
    public void LoadsStoresAndMoves_RandomStates_AreAsOnTheHost(int opcode)
    {
        List<int> forms = [];
        for (uint reg = 0; reg < 8; reg++)
        {
            if (X87MemoryForms.Describe((uint)opcode, reg).Use is X87MemoryUse.Load or X87MemoryUse.Store
                or X87MemoryUse.StoreControl or X87MemoryUse.StoreStatus or X87MemoryUse.StoreEnvironment or X87MemoryUse.Save)
            {
                forms.Add((int)reg << 3);
            }
        }
        for (int modrm = 0xC0; modrm <= 0xFF; modrm++)
        {
            if (opcode == 0xD9 && modrm is 0xF0 or 0xF1 or 0xF2 or 0xF3 or 0xF9 or 0xFB or 0xFE or 0xFF)
            {
                // Transcendental: TranscendentalTests.
                continue;
            }
            forms.Add(modrm);
        }
        RunForms(opcode, forms, TestSettings.Steps(3000));
    }

    private static void RunForms(int opcode, List<int> forms, int steps)
    {
        using HostFpu host = new();
        HostComparison comparison = new(host);
        Console.WriteLine($"seed {Seed}, {steps} steps for each of {forms.Count} forms of {opcode:X2}");
        StringBuilder reports = new();
        int count = 0;
        byte[] operand = new byte[108];
        foreach (int modrm in forms)
        {
            if (modrm >= 0xC0 && IsUndefined(opcode, modrm))
            {
                continue;
            }
            OperandGenerator generator = new(Seed ^ (opcode << 8) ^ modrm);
            int failures = 0;
            for (int i = 0; i < steps; i++)
            {
                X87State state = generator.State(full: !generator.Chance(4));
                generator.Operand(operand.AsSpan(0, 10));
                uint eflags = (uint)(2 | (generator.Bits() & 0x45));
                string? report = comparison.Compare(state, opcode, modrm, operand, eflags, IgnoredStatus(state, opcode, modrm), IgnoredFlags(state, opcode, modrm));
                if (report is not null && failures++ < 2 && count++ < MaximumReports)
                {
                    reports.AppendLine(report);
                }
            }
            if (failures != 0)
            {
                reports.AppendLine($"{opcode:X2} {modrm:X2}: {failures} of {steps}");
            }
        }
        Assert.True(reports.Length == 0, reports.ToString());
    }

    private static bool IsUndefined(int opcode, int modrm)
    {
        X87State state = default;
        return X87RegisterForms.Execute(ref state, (uint)opcode, (uint)modrm, 0, out _) == X87RegisterEffect.Undefined;
    }

    /// <summary>FCOMI clears C1 (Intel SDM vol. 2, FCOMI); AMD processors leave it. After an unmasked invalid operation FCOM leaves
    /// C0, C2 and C3 (Intel SDM vol. 2, FCOM); AMD processors set them.</summary>
    private static uint IgnoredStatus(in X87State state, int opcode, int modrm)
    {
        if (!HostFpu.IsAmd)
        {
            return 0;
        }
        return IsFcomi(opcode, modrm) ? X87Status.C1
            : IsFcom(opcode, modrm) && (state.Control & X87Status.Invalid) == 0 ? X87Status.C0 | X87Status.C2 | X87Status.C3 : 0;
    }

    /// <summary>After an unmasked invalid operation FCOMI leaves ZF, PF and CF (Intel SDM vol. 2, FCOMI); AMD processors set them.</summary>
    private static uint IgnoredFlags(in X87State state, int opcode, int modrm) =>
        HostFpu.IsAmd && IsFcomi(opcode, modrm) && (state.Control & X87Status.Invalid) == 0 ? 0x45u : 0;

    private static bool IsFcomi(int opcode, int modrm) => opcode is 0xDB or 0xDF && modrm is >= 0xE8 and <= 0xF7;

    private static bool IsFcom(int opcode, int modrm)
    {
        int reg = (modrm >> 3) & 7;
        return opcode switch
        {
            0xD8 or 0xDC => reg is 2 or 3,
            0xDA => modrm is 0xE9 or 0x10 or 0x18,
            0xDE => modrm is >= 0xD0 and <= 0xD7 or 0xD9 or 0x10 or 0x18,
            0xD9 => modrm == 0xE4,
            _ => opcode == 0xDD && modrm is >= 0xE0 and <= 0xEF,
        };
    }
}
