using System.Text;
using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;
using Iced.Intel;

namespace Gnomon.Cpu.Instructions;

/// <summary>CPUID and RDTSC.</summary>
// SAFETY: handlers get the state and the op of a live Processor.
internal static unsafe class CpuIdentity
{
    private const int Eax = 0;
    private const int Edx = 2;
    private const int FeatureTsc = 4;
    private const int FeaturePae = 6;
    private const uint MaxBasic = 4;
    private const uint FirstExtended = 0x8000_0000;
    private const uint MaxExtended = 0x8000_0008;
    private const int BrandBytes = 48;

    public static void Register(InstructionTable table)
    {
        table.Add(Code.Cpuid, &MakeIdentify);
        table.Add(Code.Rdtsc, &MakeTimeStamp);
    }

    /// <summary>The answer of CPUID (Intel SDM vol. 2, CPUID).</summary>
    /// <param name="profile">What the processor is.</param>
    /// <param name="leaf">EAX.</param>
    public static (uint Eax, uint Ebx, uint Ecx, uint Edx) Identify(CpuProfile profile, uint leaf) => leaf switch
    {
        0 => (MaxBasic, Text(profile.Vendor, 0), Text(profile.Vendor, 8), Text(profile.Vendor, 4)),
        1 => (profile.Signature, 0, 0, profile.Features & CpuProfile.Implemented),

        // One round, and one descriptor: 40, no second-level cache.
        2 => (0x01, 0, 0, 0x40),
        FirstExtended => (MaxExtended, 0, 0, 0),
        FirstExtended + 1 => (0, 0, 0, profile.NoExecute ? 1u << 20 : 0),
        >= FirstExtended + 2 and <= FirstExtended + 4 => Brand(profile, (int)(leaf - FirstExtended - 2) * 16),
        >= FirstExtended + 5 and < MaxExtended => (0, 0, 0, 0),
        MaxExtended => ((32u << 8) | (profile.Has(FeaturePae) ? 36u : 32u), 0, 0, 0),

        // Leaf 4 has no cache of any kind, leaf 3 no serial number. Leaves that do not exist show the last basic one.
        _ => (0, 0, 0, 0),
    };

    /// <summary>The time-stamp counter as the instruction sees it.</summary>
    public static ulong TimeStamp(CpuState* c, Op* o) => Clock(c, o) + c->TscOffset;

    /// <summary>The clock behind it. A block is charged when it is entered: what has not run yet does not count.</summary>
    public static ulong Clock(CpuState* c, Op* o)
    {
        Processor processor = Processor.Of(c);
        ulong done = processor.Instructions - o->Remaining;
        return processor.Options.Clock is ITimeStampClock clock ? clock.Read(done) : done;
    }

    /// <summary>Gives the instruction to the monitor.</summary>
    /// <param name="c">The state.</param>
    /// <param name="o">The op.</param>
    /// <param name="opcode">Its two bytes.</param>
    public static Op* Intercept(CpuState* c, Op* o, uint opcode)
    {
        Processor.Of(c).Linear.Leave(new CpuExit { Reason = CpuExitReason.Instruction, Size = o->Length, Code = opcode });
        return Ops.Leave(c, o);
    }

    private static void MakeIdentify(ref OpBuilder b) => b.Set(&Cpuid);

    private static void MakeTimeStamp(ref OpBuilder b) => b.Set(&ReadTimeStamp);

    private static Op* Cpuid(CpuState* c, Op* o)
    {
        Processor processor = Processor.Of(c);
        if ((processor.Intercepts & Intercepts.CpuId) != 0)
        {
            return Intercept(c, o, 0x0FA2);
        }

        (c->Registers[Eax], c->Registers[3], c->Registers[1], c->Registers[Edx]) = Identify(processor.Options.Profile, c->Registers[Eax]);
        return Ops.Next(c, o);
    }

    private static Op* ReadTimeStamp(CpuState* c, Op* o)
    {
        if (!Processor.Of(c).Options.Profile.Has(FeatureTsc))
        {
            return Ops.Fault(c, o, Vector.InvalidOpcode);
        }

        if (c->Cpl > 0 && (c->Cr4 & Cr4.TimeStampDisable) != 0)
        {
            return Ops.Fault(c, o, Vector.GeneralProtection, 0);
        }

        ulong value = TimeStamp(c, o);
        c->Registers[Eax] = (uint)value;
        c->Registers[Edx] = (uint)(value >> 32);
        return Ops.Next(c, o);
    }

    private static (uint Eax, uint Ebx, uint Ecx, uint Edx) Brand(CpuProfile profile, int at) =>
        (Text(profile.Brand, at), Text(profile.Brand, at + 4), Text(profile.Brand, at + 8), Text(profile.Brand, at + 12));

    // Four characters, the first in the lowest byte; zero behind the end.
    private static uint Text(string text, int at)
    {
        Span<byte> bytes = stackalloc byte[BrandBytes];
        bytes.Clear();
        Encoding.ASCII.GetBytes(text.AsSpan(0, Math.Min(text.Length, BrandBytes - 1)), bytes);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
    }
}
