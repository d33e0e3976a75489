using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>
/// The 32-bit program that runs cases on the host's processor. It reads a byte from its input for each batch, runs the batch's cases one
/// after the other, and writes a byte when it is done. An instruction without surprises runs between two jumps; one that may change
/// segments or go anywhere is entered through sigreturn with the trap flag set. Faults end in a signal handler, on a stack of its own,
/// that takes the registers from the signal's frame and goes on with the next case.
/// </summary>
internal sealed partial class RunnerProgram
{
    private const uint Data = AddressMap.Runner + 0x10_0000;
    private const uint DataBytes = 0x4_0000;
    private const uint SignalStackBytes = 0x1_0000;

    private const uint Current = Data;
    private const uint Output = Data + 4;
    private const uint OutputFlags = Data + 8;
    private const uint OutputRegisters = Data + 12;
    private const uint Target = Data + 16;
    private const uint StackPointer = Data + 20;
    private const uint InCase = Data + 24;
    private const uint Landing = Data + 28;
    private const uint SetAside = Data + 32;
    private const uint SignalAction = Data + 64;
    private const uint SignalStack = Data + 128;
    private const uint Stack = Data + 0x1_0000;
    private const uint SignalStackStart = Data + 0x2_0000;

    private const int EdiOffset = 16;
    private const int EspOffset = 28;
    private const int EaxEnd = 48;
    private const int TrapOffset = 48;
    private const int EipOffset = 56;
    private const int FpuAddressOffset = 76;
    private const int FxsaveInFrame = 112;

    private readonly Assembler _a = new(32);
    private readonly string _sharedFile;
    private readonly uint[] _signals = [4, 5, 7, 8, 11];

    private RunnerProgram(string sharedFile) => _sharedFile = sharedFile;

    /// <summary>Where a landing pad after the instruction jumps to; the pad at a branch's target jumps to the next.</summary>
    public uint FallThroughCapture { get; private set; }

    public uint LandingCapture { get; private set; }

    /// <summary>The program as an ELF file.</summary>
    public byte[] Elf { get; private set; } = [];

    /// <summary>Assembles the program for the shared file of this name.</summary>
    public static RunnerProgram Assemble(string sharedFile)
    {
        var program = new RunnerProgram(sharedFile);
        program.Assemble();
        return program;
    }

    private void Assemble()
    {
        Label handler = _a.CreateLabel(), fail = _a.CreateLabel();
        Label finish = _a.CreateLabel(), wait = _a.CreateLabel(), next = _a.CreateLabel(), captured = _a.CreateLabel();
        Label fallThrough = _a.CreateLabel(), landing = _a.CreateLabel();
        EmitSetup(handler, fail);
        EmitBatchLoop(wait, next, finish, fail);
        EmitEnterCase(next, finish);
        EmitCapture(ref fallThrough, ref landing, captured);
        EmitHandler(handler, captured, fail);
        EmitCompareMemory(captured, next);
        EmitExit(fail);

        using var stream = new MemoryStream();
        uint start = AddressMap.Runner + ElfFile.CodeOffset;
        AssemblerResult result = _a.Assemble(new StreamCodeWriter(stream), start, BlockEncoderOptions.ReturnNewInstructionOffsets);
        FallThroughCapture = (uint)result.GetLabelRIP(fallThrough);
        LandingCapture = (uint)result.GetLabelRIP(landing);
        Elf = ElfFile.Make(AddressMap.Runner, stream.ToArray(), Data, DataBytes);
    }

    private static uint Shared(uint offset) => SharedArea.RunnerAddress + offset;

    private void EmitBatchLoop(Label wait, Label next, Label finish, Label fail)
    {
        Label go = _a.CreateLabel();
        EmitWriteByte();
        _a.Label(ref wait);
        SystemCall(3, 0, SetAside, 1);
        _a.mov(__dword_ptr[SetAside], 0);
        _a.cmp(eax, 1);
        _a.je(go);
        SystemCall(1, 0);
        _a.Label(ref go);

        // A batch that takes so long hangs: the kernel ends the program.
        SystemCall(27, 20);
        _a.mov(__dword_ptr[Current], Shared(SharedArea.Cases));
        _a.mov(__dword_ptr[Output], Shared(SharedArea.Results));
        _a.mov(__dword_ptr[Shared(SharedArea.Done)], 0);
        _a.jmp(next);
        _a.Label(ref finish);
        SystemCall(27, 0);
        EmitWriteByte();
        _a.jmp(wait);
    }

    private void EmitWriteByte() => SystemCall(4, 1, Shared(SharedArea.Done), 1);

    private void EmitEnterCase(Label next, Label finish)
    {
        Label noPatch = _a.CreateLabel(), patch = _a.CreateLabel(), noFpu = _a.CreateLabel(), step = _a.CreateLabel();
        _a.Label(ref next);
        _a.mov(ebx, __dword_ptr[Shared(SharedArea.Done)]);
        _a.cmp(ebx, __dword_ptr[Shared(SharedArea.Count)]);
        _a.jae(finish);
        _a.mov(edi, __dword_ptr[Output]);
        const uint LargestResult = SharedArea.ResultFpu + FpuState.Bytes
            + (2 * AddressMap.WritableBytes / MemoryChanges.BlockBytes * SharedArea.ResultBlockBytes);
        _a.cmp(edi, Shared(SharedArea.Results) + SharedArea.ResultsBytes - LargestResult);
        _a.jae(finish);
        _a.lea(eax, __[edi + ProcessorContext.EflagsOffset + 4]);
        _a.mov(__dword_ptr[OutputFlags], eax);
        _a.lea(eax, __[edi + EaxEnd]);
        _a.mov(__dword_ptr[OutputRegisters], eax);
        _a.mov(esi, __dword_ptr[Current]);

        _a.mov(ecx, __dword_ptr[esi + InstructionCase.PatchCountOffset]);
        _a.test(ecx, ecx);
        _a.jz(noPatch);
        _a.xor(edx, edx);
        _a.Label(ref patch);
        _a.mov(eax, __dword_ptr[esi + (edx * 4) + InstructionCase.PatchAddressesOffset]);
        _a.mov(ebp, edx);
        _a.shl(ebp, 4);
        _a.movups(xmm0, __xmmword_ptr[esi + ebp + InstructionCase.PatchDataOffset]);
        _a.movups(__xmmword_ptr[eax], xmm0);
        _a.inc(edx);
        _a.cmp(edx, ecx);
        _a.jb(patch);
        _a.Label(ref noPatch);

        _a.test(__byte_ptr[esi + InstructionCase.FlagsOffset], (int)CaseFlags.Fpu);
        _a.jz(noFpu);
        _a.shl(ebx, 9);
        _a.fxrstor(__[ebx + (int)Shared(SharedArea.FpuImages)]);
        _a.Label(ref noFpu);

        _a.mov(__dword_ptr[InCase], 1);
        _a.test(__byte_ptr[esi + InstructionCase.FlagsOffset], (int)CaseFlags.SingleStep);
        _a.jnz(step);
        _a.mov(eax, __dword_ptr[esi + EipOffset]);
        _a.mov(__dword_ptr[Target], eax);
        _a.mov(eax, __dword_ptr[esi + EspOffset]);
        _a.mov(__dword_ptr[StackPointer], eax);
        _a.lea(esp, __[esi + ProcessorContext.EflagsOffset]);
        _a.popfd();
        _a.lea(esp, __[esi + EdiOffset]);
        _a.popad();
        _a.mov(esp, __dword_ptr[StackPointer]);
        _a.jmp(__dword_ptr[Target]);

        // The case begins as a signal's context; sigreturn loads all of it, the trap flag and segments included.
        _a.Label(ref step);
        _a.mov(esp, esi);
        _a.mov(eax, 119);
        _a.@int(0x80);
    }

    private void EmitCapture(ref Label fallThrough, ref Label landing, Label captured)
    {
        Label common = _a.CreateLabel(), noFpu = _a.CreateLabel();
        _a.Label(ref fallThrough);
        _a.mov(__dword_ptr[Landing], 0xFFFF_FFFF);
        _a.jmp(common);
        _a.Label(ref landing);
        _a.mov(__dword_ptr[Landing], 0xFFFF_FFFE);
        _a.Label(ref common);
        _a.mov(__dword_ptr[StackPointer], esp);
        _a.mov(esp, __dword_ptr[OutputFlags]);
        _a.pushfd();
        _a.mov(esp, __dword_ptr[OutputRegisters]);
        _a.pushad();
        _a.mov(esp, Stack + 0x1_0000 - 64);
        _a.push(2);
        _a.popfd();
        _a.mov(__dword_ptr[InCase], 0);
        _a.mov(edi, __dword_ptr[Output]);
        _a.mov(eax, __dword_ptr[StackPointer]);
        _a.mov(__dword_ptr[edi + EspOffset], eax);
        _a.mov(eax, __dword_ptr[Landing]);
        _a.mov(__dword_ptr[edi + TrapOffset], eax);
        _a.mov(esi, __dword_ptr[Current]);
        _a.test(__byte_ptr[esi + InstructionCase.FlagsOffset], (int)CaseFlags.Fpu);
        _a.jz(noFpu);
        _a.fxsave(__[edi + SharedArea.ResultFpu]);
        _a.Label(ref noFpu);
        _a.jmp(captured);
    }

    private void EmitHandler(Label handler, Label captured, Label fail)
    {
        Label inCase = _a.CreateLabel(), noFpu = _a.CreateLabel();
        _a.Label(ref handler);
        _a.push(2);
        _a.popfd();
        _a.cmp(__dword_ptr[InCase], 1);
        _a.je(inCase);
        _a.mov(eax, __dword_ptr[esp + 8 + EipOffset]);
        _a.jmp(fail);
        _a.Label(ref inCase);
        _a.mov(__dword_ptr[InCase], 0);
        _a.lea(esi, __[esp + 8]);
        _a.mov(edi, __dword_ptr[Output]);
        _a.mov(ebx, edi);
        _a.mov(ecx, ProcessorContext.Bytes / 4);
        _a.mov(ebp, __dword_ptr[esi + FpuAddressOffset]);
        _a.rep.movsd();
        _a.mov(edx, __dword_ptr[Current]);
        _a.test(__byte_ptr[edx + InstructionCase.FlagsOffset], (int)CaseFlags.Fpu);
        _a.jz(noFpu);
        _a.lea(esi, __[ebp + FxsaveInFrame]);
        _a.lea(edi, __[ebx + SharedArea.ResultFpu]);
        _a.mov(ecx, FpuState.Bytes / 4);
        _a.rep.movsd();
        _a.Label(ref noFpu);
        _a.mov(esp, Stack + 0x1_0000 - 64);
        EmitDefaultSegments();
        _a.jmp(captured);
    }

    private void EmitCompareMemory(Label captured, Label next)
    {
        Label noFpu = _a.CreateLabel(), noLow = _a.CreateLabel();
        _a.Label(ref captured);
        _a.mov(esi, __dword_ptr[Current]);
        _a.mov(edi, __dword_ptr[Output]);
        _a.add(edi, SharedArea.ResultFpu);
        _a.test(__byte_ptr[esi + InstructionCase.FlagsOffset], (int)CaseFlags.Fpu);
        _a.jz(noFpu);
        _a.add(edi, FpuState.Bytes);
        _a.Label(ref noFpu);
        _a.cmp(__dword_ptr[Shared(SharedArea.HasLowData)], 0);
        _a.je(noLow);
        EmitCompareWindow(AddressMap.LowData, Shared(SharedArea.LowBackground));
        _a.Label(ref noLow);
        EmitCompareWindow(AddressMap.HighData, Shared(SharedArea.HighBackground));
        _a.mov(ebx, __dword_ptr[Output]);
        _a.mov(eax, edi);
        _a.sub(eax, ebx);
        _a.mov(__dword_ptr[ebx + SharedArea.ResultSize], eax);
        _a.mov(__dword_ptr[Output], edi);
        _a.add(__dword_ptr[Current], InstructionCase.HostBytes);
        _a.inc(__dword_ptr[Shared(SharedArea.Done)]);
        _a.jmp(next);
    }

    /// <summary>Writes the blocks that differ behind EDI and restores them.</summary>
    private void EmitCompareWindow(uint window, uint background)
    {
        const int Step = 4 * MemoryChanges.BlockBytes;
        Label again = _a.CreateLabel(), found = _a.CreateLabel(), goOn = _a.CreateLabel(), end = _a.CreateLabel();
        _a.mov(esi, window);
        _a.mov(ebx, background);
        _a.Label(ref again);
        for (int block = 0; block < 4; block++)
        {
            AssemblerRegisterXMM register = block switch { 0 => xmm0, 1 => xmm1, 2 => xmm2, _ => xmm3 };
            _a.movdqa(register, __xmmword_ptr[esi + (block * MemoryChanges.BlockBytes)]);
            _a.pcmpeqb(register, __xmmword_ptr[ebx + (block * MemoryChanges.BlockBytes)]);
        }

        _a.pand(xmm0, xmm1);
        _a.pand(xmm2, xmm3);
        _a.pand(xmm0, xmm2);
        _a.pmovmskb(eax, xmm0);
        _a.cmp(eax, 0xFFFF);
        _a.jne(found);
        _a.Label(ref goOn);
        _a.add(esi, Step);
        _a.add(ebx, Step);
        _a.cmp(esi, window + AddressMap.WritableBytes);
        _a.jb(again);
        _a.jmp(end);
        _a.Label(ref found);
        for (int block = 0; block < 4; block++)
        {
            Label same = _a.CreateLabel();
            int offset = block * MemoryChanges.BlockBytes;
            _a.movdqa(xmm0, __xmmword_ptr[esi + offset]);
            _a.movdqa(xmm1, __xmmword_ptr[ebx + offset]);
            _a.movdqa(xmm2, xmm0);
            _a.pcmpeqb(xmm2, xmm1);
            _a.pmovmskb(eax, xmm2);
            _a.cmp(eax, 0xFFFF);
            _a.je(same);
            _a.lea(eax, __[esi + offset]);
            _a.mov(__dword_ptr[edi], eax);
            _a.movdqa(__xmmword_ptr[edi + MemoryChanges.BlockBytes], xmm0);
            _a.add(edi, SharedArea.ResultBlockBytes);
            _a.movdqa(__xmmword_ptr[esi + offset], xmm1);
            _a.Label(ref same);
        }

        _a.jmp(goOn);
        _a.Label(ref end);
        _a.nop();
    }

    /// <summary>Leaves EAX where the test can read it, and ends.</summary>
    private void EmitExit(Label fail)
    {
        _a.Label(ref fail);
        _a.mov(__dword_ptr[Shared(SharedArea.SetupError)], eax);
        _a.mov(__dword_ptr[Shared(SharedArea.SetupStep)], ebp);
        SystemCall(1, 3);
    }

    private void FailOnError(Label fail, uint step)
    {
        _a.mov(ebp, step);
        _a.cmp(eax, 0xFFFF_F000);
        _a.jae(fail);
    }

    private void SystemCall(uint number, uint first, uint second = 0, uint third = 0)
    {
        _a.mov(eax, number);
        _a.mov(ebx, first);
        _a.mov(ecx, second);
        _a.mov(edx, third);
        _a.@int(0x80);
    }
}
