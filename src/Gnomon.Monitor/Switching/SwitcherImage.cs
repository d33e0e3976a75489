using Gnomon.Cpu;
using Gnomon.Memory;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Monitor;

/// <summary>
/// The Switcher's code: a stub for each vector, which makes the stack a <see cref="TrapFrame"/> and calls the host, and the way back
/// into the guest behind that call. It runs at level 0 on the register page, and is the same at every address.
/// </summary>
/// <remarks>A software INT pushes no error code, whatever its vector. The stack of a stub that was entered from the guest began at sp0,
/// so the stubs of vectors with an error code see from ESP whether there is one; where not, they push a zero and mark the number.</remarks>
internal sealed class SwitcherImage
{
    /// <summary>In a frame's trap number: a software INT onto a vector that has an error code.</summary>
    public const uint SoftwareMark = 0x100;

    /// <summary>Instructions of the way back, from the one behind the call to IRET.</summary>
    public const int ReturnInstructions = 13;

    private const int Vectors = 256;
    private const int CallBytes = 3;

    private readonly uint[] _stubs = new uint[Vectors];

    private SwitcherImage(byte[] code) => Code = code;

    /// <summary>The bytes.</summary>
    public ReadOnlyMemory<byte> Code { get; }

    /// <summary>Where the call is; the way back is behind it.</summary>
    public uint CallOffset { get; private set; }

    /// <summary>Where the way back begins.</summary>
    public uint ReturnOffset => CallOffset + CallBytes;

    /// <summary>Where a vector's stub begins.</summary>
    public uint Stub(int vector) => _stubs[vector];

    /// <summary>Assembles the code.</summary>
    public static SwitcherImage Assemble()
    {
        Assembler code = new(32);
        Label common = code.CreateLabel();
        Label call = code.CreateLabel();
        Label[] stubs = new Label[Vectors];
        for (int vector = 0; vector < Vectors; vector++)
        {
            stubs[vector] = code.CreateLabel();
            code.Label(ref stubs[vector]);
            WriteStub(code, vector, common);
        }

        code.Label(ref common);
        WriteCommon(code, ref call);
        using MemoryStream stream = new();
        AssemblerResult result = code.Assemble(new StreamCodeWriter(stream), 0, BlockEncoderOptions.ReturnNewInstructionOffsets);
        if (stream.Length > PageSize.Bytes)
        {
            throw new InvalidOperationException("The Switcher's code does not fit its page.");
        }

        SwitcherImage image = new(stream.ToArray()) { CallOffset = (uint)result.GetLabelRIP(call) };
        for (int vector = 0; vector < Vectors; vector++)
        {
            image._stubs[vector] = (uint)result.GetLabelRIP(stubs[vector]);
        }

        return image;
    }

    private static void WriteStub(Assembler code, int vector, Label common)
    {
        if (Vector.HasErrorCode((byte)vector))
        {
            // sp0 is page aligned: five dwords below it bit 2 of ESP is set, six dwords below it is clear.
            Label hasCode = code.CreateLabel();
            code.test(esp, 4);
            code.je(hasCode);
            code.push(0);
            code.push((int)SoftwareMark | vector);
            code.jmp(common);
            code.Label(ref hasCode);
        }
        else
        {
            code.push(0);
        }

        code.push(vector);
        code.jmp(common);
    }

    private static void WriteCommon(Assembler code, ref Label call)
    {
        code.push(es);
        code.push(ds);
        code.push(fs);
        code.push(gs);
        code.push(ebp);
        code.push(edi);
        code.push(esi);
        code.push(edx);
        code.push(ecx);
        code.push(ebx);
        code.push(eax);
        code.Label(ref call);
        code.vmcall();
        code.pop(eax);
        code.pop(ebx);
        code.pop(ecx);
        code.pop(edx);
        code.pop(esi);
        code.pop(edi);
        code.pop(ebp);
        code.pop(gs);
        code.pop(fs);
        code.pop(ds);
        code.pop(es);
        code.add(esp, 8);
        code.iretd();
    }
}
