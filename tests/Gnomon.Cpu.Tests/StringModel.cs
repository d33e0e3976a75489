namespace Gnomon.Cpu.Tests;

/// <summary>String instructions one element at a time over bytes, as the manual's pseudo-code has them.</summary>
internal sealed class StringModel
{
    /// <summary>A segment: the offsets that may be used, and where they are.</summary>
    public sealed record Window(uint Base, uint Limit, bool ExpandsDown, bool IsStack);

    /// <summary>A page: its frame, or none.</summary>
    public readonly record struct Page(bool Present, bool Writable, uint Frame);

    public sealed class Fault(byte vector, uint code, uint address) : Exception
    {
        public byte Vector => vector;

        public uint Code => code;

        public uint Address => address;
    }

    public required byte[] Memory { get; init; }

    public required Page[] Pages { get; init; }

    public required Window Source { get; init; }

    public required Window Destination { get; init; }

    public required string Name { get; init; }

    public required uint Size { get; init; }

    public required bool Address16 { get; init; }

    public required bool Down { get; init; }

    /// <summary>0 none, 1 REPE, 2 REPNE.</summary>
    public required int Prefix { get; init; }

    public uint Eax { get; set; }

    public uint Ecx { get; set; }

    public uint Esi { get; set; }

    public uint Edi { get; set; }

    /// <summary>CF PF AF ZF SF OF of the last comparison, or null.</summary>
    public uint? Status { get; private set; }

    public void Run()
    {
        if (Prefix == 0)
        {
            Element();
            return;
        }

        while (Cut(Ecx) != 0)
        {
            Element();
            Ecx = Merge(Ecx, Cut(Ecx) - 1);
            bool compares = Name is "cmps" or "scas";
            if (compares && ((Status!.Value & 0x40) != 0) != (Prefix == 1))
            {
                return;
            }
        }
    }

    private void Element()
    {
        uint from = Cut(Esi);
        uint to = Cut(Edi);
        switch (Name)
        {
            case "movs": Put(to, Get(Source, from)); break;
            case "stos": Put(to, Eax); break;
            case "lods":
                uint mask = (uint)((1UL << (int)(Size * 8)) - 1);
                Eax = (Eax & ~mask) | Get(Source, from);
                break;
            case "cmps": Compare(Get(Source, from), Get(Destination, to)); break;
            case "scas": Compare(Eax & (uint)((1UL << (int)(Size * 8)) - 1), Get(Destination, to)); break;
            default: throw new InvalidOperationException(Name);
        }

        uint step = Down ? 0 - Size : Size;
        if (Name is "movs" or "lods" or "cmps")
        {
            Esi = Merge(Esi, Esi + step);
        }

        if (Name is not "lods")
        {
            Edi = Merge(Edi, Edi + step);
        }
    }

    private uint Cut(uint value) => Address16 ? value & 0xFFFF : value;

    private uint Merge(uint old, uint value) => Address16 ? (old & 0xFFFF0000) | (value & 0xFFFF) : value;

    private uint Get(Window window, uint offset)
    {
        Check(window, offset, write: false);
        uint value = 0;
        for (uint i = 0; i < Size; i++)
        {
            value |= (uint)Memory[Physical(window.Base + offset + i)] << (int)(8 * i);
        }

        return value;
    }

    private void Put(uint offset, uint value)
    {
        Check(Destination, offset, write: true);
        for (uint i = 0; i < Size; i++)
        {
            Memory[Physical(Destination.Base + offset + i)] = (byte)(value >> (int)(8 * i));
        }
    }

    private uint Physical(uint address) => (Pages[address >> 12].Frame << 12) | (address & 0xFFF);

    private void Check(Window window, uint offset, bool write)
    {
        ulong last = (ulong)offset + Size - 1;
        bool inside = window.ExpandsDown ? offset > window.Limit && last <= uint.MaxValue : last <= window.Limit;
        if (!inside)
        {
            throw new Fault((byte)(window.IsStack ? 12 : 13), 0, 0);
        }

        for (uint i = 0; i < Size; i++)
        {
            uint address = window.Base + offset + i;
            Page page = Pages[address >> 12];
            if (!page.Present || (write && !page.Writable))
            {
                throw new Fault(14, 4 | (write ? 2u : 0) | (page.Present ? 1u : 0), address);
            }
        }
    }

    private void Compare(uint left, uint right)
    {
        int bits = (int)Size * 8;
        long sign = 1L << (bits - 1);
        ulong difference = ((ulong)left - right) & ((1UL << bits) - 1);
        long exact = ((left ^ sign) - sign) - ((right ^ sign) - sign);
        int ones = 0;
        for (int i = 0; i < 8; i++)
        {
            ones += (int)(difference >> i) & 1;
        }

        Status = (left < right ? 1u : 0) | (ones % 2 == 0 ? 4u : 0) | ((left & 15) < (right & 15) ? 0x10u : 0)
            | (difference == 0 ? 0x40u : 0) | ((difference & (ulong)sign) != 0 ? 0x80u : 0)
            | (exact < -sign || exact >= sign ? 0x800u : 0);
    }
}
