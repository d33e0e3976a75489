using System.Text;
using Gnomon.Cpu;

namespace Gnomon.Guests.Tests.Paper;

/// <summary>The hypercalls and their ring.</summary>
internal sealed class PaperCalls(PaperMachine machine, PaperEvents events)
{
    private const uint Slots = 64;
    private const uint StatusOffset = 24;
    private const uint SlotOffset = 88;
    private const uint PageLength = 1388;
    private uint _cursor;
    private uint _pages;

    private PaperMemory Memory => machine.Memory;

    public void Call()
    {
        ProcessorRegisters registers = machine.Cpu.Registers;
        Call(registers[GeneralRegister.Eax], registers[GeneralRegister.Ebx], registers[GeneralRegister.Ecx], registers[GeneralRegister.Edx],
            registers[GeneralRegister.Esi]);
    }

    private void Call(uint number, uint a, uint b, uint c, uint d)
    {
        if (events.Page is null != (number == 1))
        {
            machine.Kill(number == 1 ? "initialised twice" : $"hypercall 0x{number:x} before the first");
            return;
        }

        if (events.Page is { } page)
        {
            RunRing(page);
        }

        Do(number, a, b, c, d);
        machine.Changed();
    }

    private void RunRing(uint page)
    {
        byte[] status = Memory.Bytes(page + StatusOffset, Slots).ToArray();
        for (uint i = 0; i < Slots && status[_cursor] != 0xFF && machine.End is null; i++)
        {
            uint slot = page + SlotOffset + (_cursor * 20);
            Memory.Bytes(page + StatusOffset + _cursor, 1)[0] = 0xFF;
            _cursor = (_cursor + 1) % Slots;
            if (Memory.Read32(slot) == 1)
            {
                machine.Kill("initialised twice");
                return;
            }

            Do(Memory.Read32(slot), Memory.Read32(slot + 4), Memory.Read32(slot + 8), Memory.Read32(slot + 12), Memory.Read32(slot + 16));
        }
    }

    private void Do(uint number, uint a, uint b, uint c, uint d)
    {
        switch (number)
        {
            case 0 or 19: break;
            case 1: Initialise(a); break;
            case 2: machine.End ??= new PaperEnd("shutdown", Text(a), ""); break;
            case 4:
                Check(a, 32, "top table");
                machine.Shadow.Top = a;
                machine.Shadow.Clear();
                Pin(events.StackPointer, _pages);
                break;
            case 5 or 14 when machine.IsDeaf: break;
            case 5: machine.Shadow.Clear(); break;
            case 6: LoadGate(a, b, c); break;
            case 7: SetStack(a, b, c); break;
            case 8: machine.Cpu.Registers.Cr0 = (machine.Cpu.Registers.Cr0 & ~Cr0.TaskSwitched) | (a != 0 ? Cr0.TaskSwitched : 0); break;
            case 9: events.SetClock(a); break;
            case 10: events.IsHalted = true; break;
            case 13 or 15:
                Check(a, 32, "table");
                if (b >= (number == 13 ? 512u : machine.Shadow.IsPae ? 4u : 1024u))
                {
                    machine.Kill($"index 0x{b:x}");
                }

                machine.Shadow.Clear();
                break;
            case 14:
                if (b >= PaperShadow.SwitcherAddress)
                {
                    machine.Kill($"entry for {b:x}, where the host is");
                    break;
                }

                Check(a, 32, "top table");
                machine.Shadow.Drop(b);
                break;
            case 16:
                Check(a, 24, "thread segments");
                for (uint i = 0; i < 3 && Memory.IsGuest(a, 24); i++)
                {
                    machine.Descriptors.SetByGuest(6 + i, Memory.Read64(a + (8 * i)));
                }

                break;
            case 18 when a < 32: machine.Descriptors.SetByGuest(a, b | ((ulong)c << 32)); break;
            case 18: machine.Kill($"descriptor 0x{a:x}"); break;
            default: machine.Kill($"hypercall 0x{number:x}"); break;
        }

        _ = d;
    }

    private void Initialise(uint page)
    {
        if (!Check(page, PageLength, "guest data"))
        {
            return;
        }

        events.Page = page;
        events.SetTime();
        Memory.Write32(page + 1368, 4 << 20);
        Memory.Write32(page + 1372, 1_000_000);
        events.NoIrqIret = Memory.Read32(page + 1376);
        machine.Descriptors.SyscallVector = Memory.Read32(page + 1384) & 0xFF;
        if (Memory.Read32(page + 1380) >= PaperShadow.SwitcherAddress)
        {
            machine.Kill("kernel address inside the host");
        }

        machine.Shadow.Clear();
    }

    private void LoadGate(uint vector, uint low, uint high)
    {
        if (vector > 255)
        {
            machine.Kill($"vector 0x{vector:x}");
        }
        else if ((high & 0x8000) != 0 && (high >> 8 & 0x1F) is not (0xE or 0xF))
        {
            machine.Kill($"gate type 0x{high >> 8 & 0x1F:x}");
        }
        else if (vector is not (2 or 8 or 15 or 31))
        {
            machine.Descriptors.SetGate((byte)vector, low, high);
        }
    }

    private void SetStack(uint segment, uint pointer, uint pages)
    {
        if ((segment & 3) != 1)
        {
            machine.Kill($"stack segment {segment:x}");
        }
        else if (pages > 2)
        {
            machine.Kill($"stack of 0x{pages:x} pages");
        }
        else
        {
            events.StackSegment = segment;
            events.StackPointer = pointer;
            _pages = pages;
            machine.Descriptors.SetStack(segment, pointer);
            Pin(pointer, pages);
        }
    }

    private void Pin(uint pointer, uint pages)
    {
        for (uint i = 0; i < pages; i++)
        {
            uint at = pointer - 1 - (i * PaperMemory.PageBytes);
            if (at >= PaperShadow.SwitcherAddress || machine.Shadow.Fill(at, 2, out _) != WalkEnd.Mapped)
            {
                machine.Kill($"stack page {at:x}");
            }
        }
    }

    private bool Check(uint address, uint length, string what)
    {
        if (!Memory.IsGuest(address, length))
        {
            machine.Kill($"{what} {address:x} outside memory");
            return false;
        }

        return true;
    }

    private string Text(uint address)
    {
        if (!Check(address, 1, "text"))
        {
            return "";
        }

        Span<byte> bytes = Memory.Bytes(address, Math.Min(128, Memory.GuestBytes - address));
        int end = bytes.IndexOf((byte)0);
        return Encoding.ASCII.GetString(end < 0 ? bytes : bytes[..end]);
    }
}
