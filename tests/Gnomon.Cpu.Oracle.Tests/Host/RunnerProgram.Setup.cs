using System.Text;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <content>What the program does once: its memory, its LDT, its signals.</content>
internal sealed partial class RunnerProgram
{
    private void EmitSetup(Label handler, Label fail)
    {
        const uint ReadWrite = 2, MapShared = 1, MapFixed = 0x10, MapPopulate = 0x8000, Readable = 1, Writable = 2, Executable = 4;
        Label behindPath = _a.CreateLabel();
        _a.mov(esp, Stack + 0x1_0000 - 64);

        // What the kernel put at the top of the address space goes: nothing may be there that a case could reach.
        SystemCall(91, 0xF000_0000, 0x0FFF_E000);

        _a.call(behindPath);
        _a.db(Encoding.UTF8.GetBytes(_sharedFile + "\0"));
        _a.Label(ref behindPath);
        _a.pop(ebx);
        _a.mov(eax, 5);
        _a.mov(ecx, ReadWrite);
        _a.xor(edx, edx);
        _a.@int(0x80);
        FailOnError(fail, 10);
        _a.mov(__dword_ptr[SetAside], eax);

        Map(fail, 11, SharedArea.RunnerAddress, SharedArea.Bytes, Readable | Writable, 0);
        Map(fail, 12, AddressMap.HighData, AddressMap.WritableBytes, Readable | Writable, SharedArea.HighWindow);
        Map(fail, 13, AddressMap.HighData + AddressMap.WritableBytes, AddressMap.PageBytes, Readable, SharedArea.HighWindow + AddressMap.WritableBytes);
        Map(fail, 14, AddressMap.Code, AddressMap.CodeBytes, Readable | Executable, SharedArea.Code);
        Map(fail, 15, AddressMap.Edges, AddressMap.EdgeBytes, Readable | Executable, SharedArea.Edges);
        EmitUnmapEdges();

        // The kernel may forbid low addresses (vm.mmap_min_addr); then 16-bit addresses reach nothing but through FS and GS.
        Label noLow = _a.CreateLabel();
        _a.cmp(__dword_ptr[Shared(SharedArea.WantsLowData)], 0);
        _a.je(noLow);
        Map(noLow, 0, AddressMap.LowData, AddressMap.WritableBytes, Readable | Writable, SharedArea.LowWindow);
        Map(noLow, 0, AddressMap.LowData + AddressMap.WritableBytes, AddressMap.PageBytes, Readable, SharedArea.LowWindow + AddressMap.WritableBytes);
        _a.mov(__dword_ptr[Shared(SharedArea.HasLowData)], 1);
        _a.Label(ref noLow);

        EmitDescriptors(fail);
        EmitSignals(handler, fail);

        void Map(Label otherwise, uint step, uint address, uint bytes, uint protection, uint offset)
        {
            _a.mov(edi, __dword_ptr[SetAside]);
            _a.mov(eax, 192);
            _a.mov(ebx, address);
            _a.mov(ecx, bytes);
            _a.mov(edx, protection);

            // A page that is mapped at its first touch would report that a store to it met no page, not a read-only one.
            _a.mov(esi, MapShared | MapFixed | MapPopulate);
            _a.mov(ebp, offset / AddressMap.PageBytes);
            _a.@int(0x80);
            FailOnError(otherwise, step);
        }
    }

    private void EmitUnmapEdges()
    {
        Label again = _a.CreateLabel();
        _a.mov(ebx, AddressMap.Edges + AddressMap.PageBytes);
        _a.Label(ref again);
        _a.mov(eax, 91);
        _a.mov(ecx, AddressMap.PageBytes);
        _a.@int(0x80);
        _a.add(ebx, 2 * AddressMap.EdgePairBytes);
        _a.cmp(ebx, AddressMap.Edges + AddressMap.EdgeBytes);
        _a.jb(again);
    }

    private void EmitDescriptors(Label fail)
    {
        Label again = _a.CreateLabel();
        _a.mov(edi, __dword_ptr[Shared(SharedArea.DescriptorCount)]);
        _a.mov(esi, Shared(SharedArea.Descriptors));
        _a.Label(ref again);
        _a.mov(eax, 123);
        _a.mov(ebx, 0x11);
        _a.mov(ecx, esi);
        _a.mov(edx, SharedArea.DescriptorBytes);
        _a.@int(0x80);
        FailOnError(fail, 16);
        _a.add(esi, (int)SharedArea.DescriptorBytes);
        _a.dec(edi);
        _a.jnz(again);
        EmitDefaultSegments();
    }

    private void EmitDefaultSegments()
    {
        _a.mov(eax, (uint)LocalDescriptors.DefaultFs);
        _a.mov(fs, ax);
        _a.mov(eax, (uint)LocalDescriptors.DefaultGs);
        _a.mov(gs, ax);
    }

    private void EmitSignals(Label handler, Label fail)
    {
        const uint OnStack = 0x0800_0000, NoDefer = 0x4000_0000, HasRestorer = 0x0400_0000;
        _a.mov(__dword_ptr[SignalStack], SignalStackStart);
        _a.mov(__dword_ptr[SignalStack + 8], SignalStackBytes);
        SystemCall(186, SignalStack, 0);
        FailOnError(fail, 17);

        // The address of the jump to the handler is what the call leaves on the stack.
        Label behindJump = _a.CreateLabel();
        _a.call(behindJump);
        _a.jmp(handler);
        _a.Label(ref behindJump);
        _a.pop(eax);
        _a.mov(__dword_ptr[SignalAction], eax);
        _a.mov(__dword_ptr[SignalAction + 4], OnStack | NoDefer | HasRestorer);
        _a.mov(__dword_ptr[SignalAction + 8], eax);
        foreach (uint signal in _signals)
        {
            _a.mov(esi, 8);
            SystemCall(174, signal, SignalAction, 0);
            FailOnError(fail, 18);
        }
    }
}
