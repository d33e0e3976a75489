namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>What an instruction left: registers and exception, the x87 state, and the data memory where it differs from the background.</summary>
internal struct CaseResult
{
    /// <summary>The registers after the instruction, or at the fault: EIP is what an exception handler would find on its stack.</summary>
    public ProcessorContext Context;

    /// <summary>The x87 state as FXSAVE writes it; only for cases with <see cref="CaseFlags.Fpu"/>.</summary>
    public FpuImage Fpu;

    /// <summary>The data memory that differs from <see cref="Background"/>.</summary>
    public MemoryChanges Memory;
}

/// <summary>The aligned blocks of sixteen bytes that differ from <see cref="Background"/>, in rising order of their addresses.</summary>
internal sealed class MemoryChanges
{
    public const int BlockBytes = 16;

    private readonly List<(uint Address, UInt128 Data)> _blocks = [];

    public IReadOnlyList<(uint Address, UInt128 Data)> Blocks => _blocks;

    public void Clear() => _blocks.Clear();

    /// <summary>Adds a block; blocks come in rising order.</summary>
    public void Add(uint address, UInt128 data) => _blocks.Add((address, data));

    /// <summary>Finds the blocks of a window that differ; a tested processor calls it for each window after it has run a case.</summary>
    /// <param name="start">The linear address of the window's first byte.</param>
    /// <param name="memory">The window's writable pages.</param>
    public void AddChanges(uint start, ReadOnlySpan<byte> memory)
    {
        ReadOnlySpan<byte> background = Background.Of(start)[..memory.Length];
        int at = 0;
        while ((at += memory[at..].CommonPrefixLength(background[at..])) < memory.Length)
        {
            at &= -BlockBytes;
            Add(start + (uint)at, System.Buffers.Binary.BinaryPrimitives.ReadUInt128LittleEndian(memory[at..]));
            at += BlockBytes;
        }
    }

    /// <summary>The byte at a linear address of a data window.</summary>
    public byte ByteAt(uint address)
    {
        foreach ((uint block, UInt128 data) in _blocks)
        {
            if (address - block < BlockBytes)
            {
                return (byte)(data >> (int)(8 * (address - block)));
            }
        }

        return Background.At(address);
    }
}
