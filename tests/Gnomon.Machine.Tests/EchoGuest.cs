using System.Buffers.Binary;
using System.Text;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.MachineTests;

/// <summary>
/// A paravirtual kernel without page tables that says "ready", and then answers what is typed, by the console's virtio queues and its
/// interrupt. What begins with <c>q</c> shuts it down (last word "bye"), <c>r</c> asks for a restart, <c>k</c> makes a hypercall that there is
/// none of, <c>l</c> runs for ever, <c>s</c> answers with the terminal's size as four bytes; anything else comes back.
/// </summary>
internal static class EchoGuest
{
    public const int MemoryMiB = 4;

    private const uint Start = 0x10_0000;
    private const uint Data = 0x4000;
    private const uint Stack = 0x8_0000;
    private const uint Device = (MemoryMiB + 1) << 20;
    private const uint Isr = Device + 58;
    private const uint Notify = Device + 56;
    private const uint Size = Device + 60;
    private const uint Queues = 0x20_0000;
    private const uint Buffer = 0x20_8000;
    private const uint Seen = 0x20_9000;
    private const int BufferBytes = 64;
    private const int TextBytes = 16;

    public static MachineOptions Options { get; } = new() { Kernel = Assemble(), MemoryMiB = MemoryMiB };

    private static uint Descriptors(int queue) => Queues + ((uint)queue * 0x3000);

    private static uint Available(int queue) => Descriptors(queue) + 0x1000;

    private static uint Used(int queue) => Descriptors(queue) + 0x2000;

    private static byte[] Assemble()
    {
        Assembler a = new(32);
        Label main = a.CreateLabel(), send = a.CreateLabel(), give = a.CreateLabel(), again = a.CreateLabel(), got = a.CreateLabel();
        Label quit = a.CreateLabel(), restart = a.CreateLabel(), loop = a.CreateLabel(), size = a.CreateLabel(), kill = a.CreateLabel();
        Label answer = a.CreateLabel();

        // Two texts of 16 bytes; then the handler. Reading the register takes the interrupt back.
        a.db(Encoding.ASCII.GetBytes("ready\n".PadRight(TextBytes, '\0')));
        a.db(Encoding.ASCII.GetBytes("bye".PadRight(TextBytes, '\0')));
        a.push(eax);
        a.mov(al, __byte_ptr[Isr]);
        a.pop(eax);
        a.iretd();

        // The ring of hypercalls is empty; then we introduce ourselves, and our handler of interrupt 1.
        a.Label(ref main);
        a.mov(esp, Stack);
        a.mov(edi, Data + 24);
        a.mov(al, 0xFF);
        a.mov(ecx, 64);
        a.rep.stosb();
        Call(a, 1, () => a.mov(ebx, Data));
        a.mov(eax, Start + (2 * TextBytes));
        a.mov(ecx, eax);
        a.and(ecx, 0xFFFF);
        a.or(ecx, 0x61_0000);
        a.mov(edx, eax);
        a.and(edx, unchecked((int)0xFFFF_0000));
        a.or(edx, 0x8E00);
        Call(a, 6, () => a.mov(ebx, 33));

        // The device: acknowledge, driver, version 1, two queues, go.
        a.mov(__byte_ptr[Device + 20], 1);
        a.mov(__byte_ptr[Device + 20], 3);
        a.mov(__dword_ptr[Device + 8], 1);
        a.mov(__dword_ptr[Device + 12], 1);
        a.mov(__byte_ptr[Device + 20], 11);
        for (int queue = 0; queue < 2; queue++)
        {
            a.mov(__word_ptr[Device + 22], queue);
            a.mov(__dword_ptr[Device + 32], Descriptors(queue));
            a.mov(__dword_ptr[Device + 40], Available(queue));
            a.mov(__dword_ptr[Device + 48], Used(queue));
            a.mov(__word_ptr[Device + 28], 1);
        }

        a.mov(__word_ptr[Available(1)], 1);
        a.mov(__byte_ptr[Device + 20], 15);
        a.mov(__dword_ptr[Descriptors(0)], Buffer);
        a.mov(__dword_ptr[Descriptors(0) + 8], BufferBytes);
        a.mov(__word_ptr[Descriptors(0) + 12], 2);
        a.mov(esi, Start);
        a.mov(ecx, 6);
        a.call(send);
        a.call(give);

        // Interrupts are off but while we sleep.
        a.Label(ref again);
        a.mov(__dword_ptr[Data], 0);
        a.movzx(eax, __word_ptr[Used(0) + 2]);
        a.cmp(ax, __word_ptr[Seen]);
        a.jne(got);
        Call(a, 10, () => { });
        a.jmp(again);
        a.Label(ref got);
        a.movzx(edx, __word_ptr[Seen]);
        a.and(edx, 0xFF);
        a.mov(ecx, __dword_ptr[(edx * 8) + (long)(Used(0) + 8)]);
        a.inc(__word_ptr[Seen]);
        foreach ((char command, Label target) in new[] { ('q', quit), ('r', restart), ('l', loop), ('s', size), ('k', kill) })
        {
            a.cmp(__byte_ptr[Buffer], command);
            a.je(target);
        }

        a.Label(ref answer);
        a.mov(esi, Buffer);
        a.call(send);
        a.call(give);
        a.jmp(again);
        a.Label(ref size);
        a.mov(eax, __dword_ptr[Size]);
        a.mov(__dword_ptr[Buffer], eax);
        a.mov(ecx, 4);
        a.jmp(answer);
        a.Label(ref loop);
        a.jmp(loop);
        a.Label(ref kill);
        Call(a, 99, () => { });
        a.Label(ref quit);
        Call(a, 2, () =>
        {
            a.mov(ebx, Start + TextBytes);
            a.mov(ecx, 1);
        });
        a.Label(ref restart);
        Call(a, 2, () =>
        {
            a.mov(ebx, Start + TextBytes);
            a.mov(ecx, 2);
        });

        // ESI bytes, ECX of them, through queue 1; back when the device has them.
        a.Label(ref send);
        a.mov(__dword_ptr[Descriptors(1)], esi);
        a.mov(__dword_ptr[Descriptors(1) + 8], ecx);
        a.inc(__word_ptr[Available(1) + 2]);
        a.mov(__word_ptr[Notify], 1);
        Label wait = a.CreateLabel(), sent = a.CreateLabel();
        a.Label(ref wait);
        a.mov(ax, __word_ptr[Used(1) + 2]);
        a.cmp(ax, __word_ptr[Available(1) + 2]);
        a.je(sent);
        Call(a, 19, () => { });
        a.jmp(wait);
        a.Label(ref sent);
        a.ret();

        // The buffer, into queue 0.
        a.Label(ref give);
        a.inc(__word_ptr[Available(0) + 2]);
        a.mov(__word_ptr[Notify], 0);
        a.ret();

        using MemoryStream code = new();
        AssemblerResult result = a.Assemble(new StreamCodeWriter(code), Start, BlockEncoderOptions.ReturnNewInstructionOffsets);
        return Elf(code.ToArray(), (uint)result.GetLabelRIP(main));
    }

    private static void Call(Assembler a, int number, Action arguments)
    {
        arguments();
        a.mov(eax, number);
        a.@int(0x1F);
    }

    // One segment, executable: System V ABI, Intel386 supplement.
    private static byte[] Elf(byte[] code, uint entry)
    {
        byte[] file = new byte[84 + code.Length];
        "\u007FELF\u0001\u0001\u0001"u8.CopyTo(file);
        Put(file, 16, (3 << 16) | 2);
        Put(file, 20, 1);
        Put(file, 24, entry);
        Put(file, 28, 52);
        Put(file, 40, (32 << 16) | 52);
        Put(file, 44, 1);
        Put(file, 52, 1);
        Put(file, 56, 84);
        Put(file, 60, Start);
        Put(file, 64, Start);
        Put(file, 68, (uint)code.Length);
        Put(file, 72, (uint)code.Length);
        code.CopyTo(file, 84);
        return file;
    }

    private static void Put(byte[] file, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(at), value);
}
