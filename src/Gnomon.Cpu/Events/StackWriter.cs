using Gnomon.Cpu.Execution;
using Gnomon.Cpu.Memory;

namespace Gnomon.Cpu.Events;

/// <summary>
/// A frame that is pushed as a whole, on the current stack or one that is about to become current. Values are collected first; then all
/// their places are checked; then they are written, after which the caller cannot fail any more and loads its registers.
/// </summary>
// SAFETY: the buffer holds the longest frame, a call gate's: 31 parameters and four values. The state is that of a live Processor.
internal unsafe struct StackWriter
{
    private const int Longest = 40;

    private readonly SegmentRegister _segment;
    private readonly uint _pointer;
    private readonly uint _mask;
    private readonly uint _size;
    private readonly bool _user;
    private fixed uint _values[Longest];
    private int _count;

    /// <summary>Begins a frame.</summary>
    /// <param name="segment">The stack segment.</param>
    /// <param name="pointer">ESP before the first push.</param>
    /// <param name="wide">Whether values have 32 bits, or 16.</param>
    /// <param name="user">Whether the stack is one of CPL 3.</param>
    public StackWriter(in SegmentRegister segment, uint pointer, bool wide, bool user)
    {
        _segment = segment;
        _pointer = pointer;
        _mask = segment.Big ? uint.MaxValue : 0xFFFF;
        _size = wide ? 4u : 2u;
        _user = user;
    }

    /// <summary>ESP after the pushes. Of a 16-bit stack only SP moves.</summary>
    public readonly uint Pointer => (_pointer & ~_mask) | OffsetOf(_count - 1);

    /// <summary>Adds a value; its low half where the frame has 16 bits.</summary>
    public void Push(uint value) => _values[_count++] = value;

    /// <summary>Whether all can be pushed: limit, pages.</summary>
    /// <param name="c">The state.</param>
    /// <param name="code">The error code of #SS when the segment has no room.</param>
    /// <returns>False: the reason is recorded.</returns>
    public readonly bool TryProbe(CpuState* c, uint code)
    {
        for (int i = 0; i < _count; i++)
        {
            if (!_segment.MayWrite(OffsetOf(i), _size))
            {
                return SystemMemory.Fail(c, Vector.StackFault, code);
            }
        }

        for (int i = 0; i < _count; i++)
        {
            if (Find(c, i) == null)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Writes all. False only if a device on the stack has to answer first: the frame is then written again, from its beginning.</summary>
    public readonly bool TryWrite(CpuState* c)
    {
        for (int i = 0; i < _count; i++)
        {
            byte* place = Find(c, i);
            if (place == null)
            {
                return false;
            }

            Access.Store(place, _size, _values[i]);
            if (!Access.Commit(c, place))
            {
                return false;
            }
        }

        return true;
    }

    private readonly uint OffsetOf(int index) => (_pointer - (_size * (uint)(index + 1))) & _mask;

    private readonly byte* Find(CpuState* c, int index) => SystemMemory.Find(c, _segment.Base + OffsetOf(index), _size, write: true, _user);
}
