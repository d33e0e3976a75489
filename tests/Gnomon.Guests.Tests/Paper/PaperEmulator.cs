using Gnomon.Cpu;
using Iced.Intel;

namespace Gnomon.Guests.Tests.Paper;

/// <summary>The few instructions that ring 1 may not do and the host does for it: ports, and reads of control registers.</summary>
internal sealed class PaperEmulator(PaperMachine machine, PaperPorts ports)
{
    public bool TryEmulate()
    {
        ProcessorRegisters registers = machine.Cpu.Registers;
        byte[] bytes = new byte[15];
        int length = 0;
        for (; length < bytes.Length; length++)
        {
            if (machine.Shadow.Translate(registers.Segment(SegmentName.Cs).Base + registers.Eip + (uint)length, write: false) is not { } at)
            {
                break;
            }

            bytes[length] = machine.Memory.Bytes(at, 1)[0];
        }

        Instruction instruction = Decoder.Create(32, bytes.AsSpan(0, length).ToArray()).Decode();
        switch (instruction.Mnemonic)
        {
            case Mnemonic.In:
                In(instruction);
                break;
            case Mnemonic.Out:
                int size = instruction.Op1Register.GetSize();
                ports.Write(Port(instruction.Op0Kind, instruction.Immediate8), size, registers[GeneralRegister.Eax] & (uint.MaxValue >> (32 - (8 * size))));
                break;
            case Mnemonic.Mov when instruction.Op1Register is >= Register.CR0 and <= Register.CR4:
                registers[(GeneralRegister)(instruction.Op0Register - Register.EAX)] = instruction.Op1Register == Register.CR0 ? registers.Cr0 : 0;
                break;
            default:
                return false;
        }

        registers.Eip += (uint)instruction.Length;
        return true;
    }

    private void In(in Instruction instruction)
    {
        int size = instruction.Op0Register.GetSize();
        uint mask = uint.MaxValue >> (32 - (8 * size));
        uint value = ports.Read(Port(instruction.Op1Kind, instruction.Immediate8), size);
        uint before = machine.Cpu.Registers[GeneralRegister.Eax];
        machine.Cpu.Registers[GeneralRegister.Eax] = (before & ~mask) | (value & mask);
    }

    private ushort Port(OpKind kind, byte immediate) => kind == OpKind.Immediate8 ? immediate : (ushort)machine.Cpu.Registers[GeneralRegister.Edx];
}
