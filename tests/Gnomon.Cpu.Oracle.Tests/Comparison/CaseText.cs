using System.Globalization;
using System.Text;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Comparison;

/// <summary>Prints a case in full.</summary>
internal static class CaseText
{
    /// <summary>The name by which a case can be made again.</summary>
    public static string Name(in InstructionCase c) => string.Create(CultureInfo.InvariantCulture, $"{c.Wanted}:{c.Seed}");

    /// <summary>Parses what <see cref="Name"/> has printed.</summary>
    public static (Code Code, ulong Seed) Parse(string name)
    {
        string[] parts = name.Split(':');
        return (Enum.Parse<Code>(parts[0]), ulong.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    /// <summary>The bytes, the instruction, and all that it starts from.</summary>
    public static string Describe(in InstructionCase c)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{Name(c)}  {Convert.ToHexString(c.CodeSpan)}  {Disassembly.Format(c.CodeSpan, c.Context.Eip)}  ({c.Flags})");
        text.AppendLine(CultureInfo.InvariantCulture, $"  before: {Registers(c.Context)}");
        for (int patch = 0; patch < c.PatchCount; patch++)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  memory {c.PatchAddress(patch):X8}: {Convert.ToHexString(c.PatchBytesOf(patch))}");
        }

        if (c.Flags.HasFlag(CaseFlags.Fpu))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  x87: {Fpu(c.Fpu)}");
        }

        return text.ToString();
    }

    /// <summary>A result, for the eye.</summary>
    public static string Describe(in InstructionCase c, in CaseResult result)
    {
        string trap = result.Context.Trap == ProcessorContext.NoTrap
            ? "completed"
            : string.Create(CultureInfo.InvariantCulture, $"exception {result.Context.Trap} code {result.Context.ErrorCode:X} CR2 {result.Context.Cr2:X}");
        string memory = string.Concat(result.Memory.Blocks.Select(block => string.Create(CultureInfo.InvariantCulture, $" [{block.Address:X8}]={block.Data:X32}")));
        return $"{trap} {Registers(result.Context)}{memory}" + (c.Flags.HasFlag(CaseFlags.Fpu) ? $" {Fpu(result.Fpu)}" : "");
    }

    private static string Registers(in ProcessorContext context) => string.Create(
        CultureInfo.InvariantCulture,
        $"EAX={context.Eax:X8} ECX={context.Ecx:X8} EDX={context.Edx:X8} EBX={context.Ebx:X8} ESP={context.Esp:X8} EBP={context.Ebp:X8} "
        + $"ESI={context.Esi:X8} EDI={context.Edi:X8} EIP={context.Eip:X8} EFLAGS={context.Eflags:X6} CS={context.Cs:X} DS={context.Ds:X} "
        + $"ES={context.Es:X} SS={context.Ss:X} FS={context.Fs:X} GS={context.Gs:X}");

    private static string Fpu(ReadOnlySpan<byte> image)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"CW={FpuState.Control(image):X4} SW={FpuState.Status(image):X4} TW={FpuState.Tags(image):X2}");
        for (int register = 0; register < 8; register++)
        {
            text.Append(CultureInfo.InvariantCulture, $" ST{register}={FpuState.Text(FpuState.Register(image, register))}");
        }

        return text.ToString();
    }
}
