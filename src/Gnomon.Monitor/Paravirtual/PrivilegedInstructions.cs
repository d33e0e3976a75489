using Gnomon.Cpu;
using Gnomon.Memory;
using Iced.Intel;

namespace Gnomon.Monitor;

/// <summary>
/// What a kernel at level 1 may not do itself and still does: the general protection fault with code 0 that the instruction has raised
/// is answered in its place. RDMSR, WRMSR and loads of descriptor tables are not: the guest gets its fault.
/// </summary>
internal sealed class PrivilegedInstructions(GuestSession session, InstructionStepper stepper)
{
    private const int MaxInstruction = 15;
    private const int DebugStatus = 6;
    private const uint SingleStep = 1 << 14;
    private const int DebugControl = 7;

    // What DR6 and DR7 hold after a reset (Intel SDM vol. 3, table 9-1).
    private readonly uint[] _debug = [0, 0, 0, 0, 0, 0, 0xFFFF_0FF0, 0x400];

    /// <summary>Whether the instruction that was done last was traced: a debug exception comes behind it. Not for one that the processor
    /// has stepped, which raises it itself.</summary>
    public bool IsTraced { get; private set; }

    /// <summary>Does the instruction at EIP for the guest kernel.</summary>
    /// <returns>False: it is the guest's own fault; nothing has changed.</returns>
    public bool TryDo()
    {
        IsTraced = false;
        if (!TryDecode(out Instruction instruction))
        {
            return false;
        }

        switch (instruction.Mnemonic)
        {
            case Mnemonic.In or Mnemonic.Out or Mnemonic.Insb or Mnemonic.Insw or Mnemonic.Insd or Mnemonic.Outsb or Mnemonic.Outsw or Mnemonic.Outsd:
                stepper.StepPorts();
                return true;
            case Mnemonic.Cli:
                SetInterrupts(false);
                break;
            case Mnemonic.Sti:
                SetInterrupts(true);
                break;
            case Mnemonic.Hlt:
                session.IsHalted = true;
                break;
            case Mnemonic.Mov when IsSpecial(instruction.Op1Register):
                session.Cpu.Frame.General(General(instruction.Op0Register)) = Read(instruction.Op1Register);
                break;
            case Mnemonic.Mov when IsSpecial(instruction.Op0Register):
                Write(instruction.Op0Register, session.Cpu.Frame.General(General(instruction.Op1Register)));
                break;
            case Mnemonic.Clts:
                session.Cpu.TaskSwitched = false;
                break;
            case Mnemonic.Lmsw when instruction.Op0Kind == OpKind.Register:
                session.Cpu.TaskSwitched = (session.Cpu.Frame.General(Low(instruction.Op0Register)) & Cr0.TaskSwitched) != 0;
                break;
            case Mnemonic.Lmsw:
                session.Cpu.TaskSwitched = (session.Stack.Read(AddressOf(in instruction)) & Cr0.TaskSwitched) != 0;
                break;
            case Mnemonic.Invlpg:
                session.Mmu.InvalidatePage(GuestSession.Number, new Gva(AddressOf(in instruction)));
                break;
            case Mnemonic.Wbinvd or Mnemonic.Invd:
                break;
            default:
                return false;
        }

        TrapFrame frame = session.Cpu.Frame;
        frame.Eip += (uint)instruction.Length;
        frame.Eflags &= ~GuestFlags.Resume;
        IsTraced = (frame.Eflags & GuestFlags.Trap) != 0;
        return true;
    }

    /// <summary>The guest gets a debug exception for a single step: its DR6 says so until it clears it (Intel SDM vol. 3, 17.2.3).</summary>
    public void NoteSingleStep() => _debug[DebugStatus] |= SingleStep;

    private bool TryDecode(out Instruction instruction)
    {
        TrapFrame frame = session.Cpu.Frame;
        (uint start, bool big) = session.Cpu.Descriptors.Segment(frame.Cs);
        byte[] bytes = new byte[MaxInstruction];
        int length = session.Stack.ReadCode(start + frame.Eip, bytes);
        Decoder decoder = Decoder.Create(big ? 32 : 16, new ByteArrayCodeReader(bytes, 0, length));
        decoder.IP = frame.Eip;
        instruction = decoder.Decode();
        return !instruction.IsInvalid;
    }

    private void SetInterrupts(bool enabled)
    {
        if (session.Data is { } data)
        {
            data.InterruptsEnabled = enabled;
        }
    }

    private uint Read(Register register) => register switch
    {
        Register.CR0 => session.Cpu.Cr0Value,
        Register.CR2 => session.Data?.Cr2 ?? 0,
        Register.CR3 => (uint)session.Mmu.Cpu(GuestSession.Number).Directory.Value,

        // The guest never writes CR4, and reads it before it could handle a fault: it learns nothing from it.
        Register.CR4 => 0,
        >= Register.DR0 and <= Register.DR7 => _debug[DebugIndex(register)],
        _ => 0,
    };

    private void Write(Register register, uint value)
    {
        switch (register)
        {
            case Register.CR0:
                session.Cpu.TaskSwitched = (value & Cr0.TaskSwitched) != 0;
                break;
            case Register.CR2 when session.Data is { } data:
                data.Cr2 = value;
                break;
            case Register.CR3:
                // As a processor's own, without global pages: what was true before is looked at again, in both halves.
                session.Mmu.LoadPageTable(GuestSession.Number, new Gpa(value));
                session.Mmu.ClearAll(GuestSession.Number);
                break;
            case >= Register.DR0 and <= Register.DR7:
                // Kept for the guest to read; no breakpoint is ever set for it.
                _debug[DebugIndex(register)] = value;
                break;
            default:
                break;
        }
    }

    private uint AddressOf(in Instruction instruction)
    {
        TrapFrame frame = session.Cpu.Frame;
        uint offset = (uint)instruction.MemoryDisplacement64;
        if (instruction.MemoryBase != Register.None)
        {
            offset += ValueOf(frame, instruction.MemoryBase);
        }

        if (instruction.MemoryIndex != Register.None)
        {
            offset += ValueOf(frame, instruction.MemoryIndex) * (uint)instruction.MemoryIndexScale;
        }

        bool narrow = instruction.MemoryBase is (>= Register.AX and <= Register.DI) || instruction.MemoryIndex is (>= Register.AX and <= Register.DI)
            || instruction.MemoryDisplSize == 2;
        return session.Cpu.Descriptors.Segment(SelectorOf(frame, instruction.MemorySegment)).Base + (narrow ? offset & 0xFFFF : offset);
    }

    private static uint ValueOf(TrapFrame frame, Register register) =>
        register is >= Register.AX and <= Register.DI ? frame.General(register - Register.AX) & 0xFFFF : frame.General(General(register));

    private static uint SelectorOf(TrapFrame frame, Register segment) => segment switch
    {
        Register.ES => frame[FrameWord.Es],
        Register.CS => frame.Cs,
        Register.SS => frame.Ss,
        Register.FS => frame[FrameWord.Fs],
        Register.GS => frame[FrameWord.Gs],
        _ => frame[FrameWord.Ds],
    };

    private static bool IsSpecial(Register register) => register is (>= Register.CR0 and <= Register.CR4) or (>= Register.DR0 and <= Register.DR7);

    private static int General(Register register) => register - Register.EAX;

    private static int Low(Register register) => register is >= Register.AX and <= Register.DI ? register - Register.AX : General(register);

    // Without CR4.DE, DR4 and DR5 are other names of DR6 and DR7.
    private static int DebugIndex(Register register)
    {
        int index = register - Register.DR0;
        return index is 4 or 5 ? index + (DebugStatus - 4) : Math.Min(index, DebugControl);
    }
}
