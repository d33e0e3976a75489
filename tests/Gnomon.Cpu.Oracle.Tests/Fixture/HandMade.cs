using Gnomon.Cpu.Oracle.Tests.Generation;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Fixture;

/// <summary>Cases written by hand, for the tests of the oracle itself.</summary>
internal static class HandMade
{
    public const uint Stack = AddressMap.HighData + 0x800;

    public delegate void Setup(ref ProcessorContext context);

    /// <summary>A case of these bytes, at the place of code number <paramref name="slot"/>.</summary>
    public static InstructionCase Case(ReadOnlySpan<byte> code, Setup? setup = null, CaseFlags flags = CaseFlags.None, int slot = 0)
    {
        InstructionCase c = default;
        c.Seed = (ulong)slot;
        c.Flags = flags;
        c.Context.SetDefaultSegments();
        c.Context.Eflags = 0x202;
        c.Context.Esp = Stack;
        c.Context.Eip = AddressMap.Code + ((uint)slot * AddressMap.SlotBytes) + AddressMap.SlotStart;
        setup?.Invoke(ref c.Context);
        code.CopyTo(c.Code);
        c.CodeLength = code.Length;
        FpuState.Initialise(c.Fpu);
        Instruction instruction = c.Decode();
        if (instruction.Op0Kind is OpKind.NearBranch16 or OpKind.NearBranch32)
        {
            Targets.Prepare(ref c, (uint)instruction.NearBranchTarget);
        }

        return c;
    }
}
