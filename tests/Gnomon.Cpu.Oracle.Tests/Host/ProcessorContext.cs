using System.Runtime.InteropServices;

namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>
/// The registers of a user program, in the layout in which Linux saves them for a 32-bit signal handler (struct sigcontext_32); before
/// an instruction they are what is loaded, after it what is there, together with the exception if there was one.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct ProcessorContext
{
    public const int Bytes = 88;
    public const int EflagsOffset = 64;

    /// <summary>In <see cref="Trap"/>: the instruction has been completed without an exception.</summary>
    public const uint NoTrap = 0xFFFF_FFFF;

    public uint Gs;
    public uint Fs;
    public uint Es;
    public uint Ds;
    public uint Edi;
    public uint Esi;
    public uint Ebp;
    public uint Esp;
    public uint Ebx;
    public uint Edx;
    public uint Ecx;
    public uint Eax;

    /// <summary>The vector of the exception, or <see cref="NoTrap"/>.</summary>
    public uint Trap;

    /// <summary>The exception's error code, zero for those that have none.</summary>
    public uint ErrorCode;
    public uint Eip;
    public uint Cs;
    public uint Eflags;
    private uint _espAtSignal;
    public uint Ss;
    private uint _fpuAddress;
    private uint _signalMask;

    /// <summary>The address of a page fault; meaningless after anything else.</summary>
    public uint Cr2;

    /// <summary>The general register <paramref name="number"/>, in the processor's own numbering: EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI.</summary>
    public uint this[int number]
    {
        readonly get => number switch
        {
            0 => Eax,
            1 => Ecx,
            2 => Edx,
            3 => Ebx,
            4 => Esp,
            5 => Ebp,
            6 => Esi,
            7 => Edi,
            _ => throw new ArgumentOutOfRangeException(nameof(number)),
        };
        set
        {
            switch (number)
            {
                case 0: Eax = value; break;
                case 1: Ecx = value; break;
                case 2: Edx = value; break;
                case 3: Ebx = value; break;
                case 4: Esp = value; break;
                case 5: Ebp = value; break;
                case 6: Esi = value; break;
                case 7: Edi = value; break;
                default: throw new ArgumentOutOfRangeException(nameof(number));
            }
        }
    }

    /// <summary>The selectors as the host sets them for every program that asks for nothing else, with FS and GS from the LDT.</summary>
    public void SetDefaultSegments()
    {
        Cs = AddressMap.FlatCode;
        Ds = Es = Ss = AddressMap.FlatData;
        Fs = LocalDescriptors.DefaultFs;
        Gs = LocalDescriptors.DefaultGs;
    }

    /// <summary>Forgets where the host kept its own things, so that contexts can be compared.</summary>
    public void ClearHostFields() => _espAtSignal = _fpuAddress = _signalMask = 0;
}
