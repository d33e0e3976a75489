using System.Runtime.InteropServices;
using Gnomon.Memory;

namespace Gnomon.Monitor;

/// <summary>The words of a trap frame, lowest address first.</summary>
internal enum FrameWord
{
    Eax,
    Ebx,
    Ecx,
    Edx,
    Esi,
    Edi,
    Ebp,
    Gs,
    Fs,
    Ds,
    Es,
    TrapNumber,
    ErrorCode,
    Eip,
    Cs,
    Eflags,
    Esp,
    Ss,
}

/// <summary>The guest's registers at the end of its register page, where the Switcher puts them at a trap and takes them from on the
/// way back.</summary>
internal readonly ref struct TrapFrame
{
    /// <summary>Its length in bytes.</summary>
    public const int Bytes = 72;

    private readonly Span<uint> _words;

    /// <summary>The frame in a register page.</summary>
    /// <param name="page">The page's bytes.</param>
    public TrapFrame(Span<byte> page) => _words = MemoryMarshal.Cast<byte, uint>(page[(PageSize.Bytes - Bytes)..]);

    public ref uint this[FrameWord word] => ref _words[(int)word];

    public ref uint Eip => ref this[FrameWord.Eip];

    public ref uint Eflags => ref this[FrameWord.Eflags];

    public ref uint Esp => ref this[FrameWord.Esp];

    public ref uint Cs => ref this[FrameWord.Cs];

    public ref uint Ss => ref this[FrameWord.Ss];

    /// <summary>The level that the guest was interrupted at.</summary>
    public int Level => (int)_words[(int)FrameWord.Cs] & 3;

    /// <summary>A general register by its number in instructions: EAX ECX EDX EBX ESP EBP ESI EDI.</summary>
    public ref uint General(int register) => ref this[register switch
    {
        0 => FrameWord.Eax,
        1 => FrameWord.Ecx,
        2 => FrameWord.Edx,
        3 => FrameWord.Ebx,
        4 => FrameWord.Esp,
        5 => FrameWord.Ebp,
        6 => FrameWord.Esi,
        _ => FrameWord.Edi,
    }];

    /// <summary>Selectors are pushed as words into dwords: what lies above them is not theirs.</summary>
    public void TidySelectors()
    {
        for (FrameWord word = FrameWord.Gs; word <= FrameWord.Es; word++)
        {
            this[word] &= 0xFFFF;
        }

        Cs &= 0xFFFF;
        Ss &= 0xFFFF;
    }

    /// <summary>All zero.</summary>
    public void Clear() => _words.Clear();
}
