using System.Buffers.Binary;
using Gnomon.Memory;

namespace Gnomon.Guests.Tests.Original;

/// <summary>The guest's own tables as the model reads them: plain walks in guest memory, and the one word that the fault in hand is about to mark.</summary>
internal sealed class GuestView(GuestMemory memory, bool pae)
{
    public const ulong P = 1;
    public const ulong W = 2;
    public const ulong U = 4;
    public const ulong A = 0x20;
    public const ulong D = 0x40;
    private const ulong Large = 0x80;
    private const ulong AddressBits = 0xF_FFFF_F000;

    private readonly int _bytes = pae ? 8 : 4;
    private readonly int _bits = pae ? 9 : 10;
    private (ulong Place, ulong Value)? _marked;

    public int Levels => pae ? 3 : 2;

    /// <summary>Entries of a top-level table.</summary>
    public int Tops => pae ? 4 : 1024;

    /// <summary>Entries of any other table.</summary>
    public int Entries => 1 << _bits;

    public uint Switcher => pae ? 0xFFE0_0000 : 0xFFC0_0000;

    public static ulong AddressOf(ulong entry) => entry & AddressBits;

    public ulong TopOf(Gpa directory) => directory.Value & ~(pae ? 31ul : 4095ul);

    public int Index(uint address, int level) => (int)(address >> (12 + (_bits * (level - 1)))) & (Entries - 1);

    /// <summary>Whether rights are in the entries of a level.</summary>
    public bool HasRights(int level) => level < 3;

    public bool IsMemory(ulong address) => address >> 12 < memory.PageCount;

    /// <summary>Whether a frame of the host stands behind a page already.</summary>
    public bool IsBacked(ulong address) => IsMemory(address) && (memory.Page(new Gfn(address >> 12)).Flags & GuestPageState.Present) != 0;

    public ulong Read(ulong table, int index)
    {
        ulong place = table + (ulong)(index * _bytes);
        if (_marked is { } marked && marked.Place == place)
        {
            return marked.Value;
        }

        Span<byte> bytes = stackalloc byte[8];
        bytes.Clear();
        memory.Read(new Gpa(place), bytes[.._bytes]);
        return BinaryPrimitives.ReadUInt64LittleEndian(bytes);
    }

    /// <summary>The word reads so until the request is over.</summary>
    public void Mark(ulong table, int index, ulong value) => _marked = (table + (ulong)(index * _bytes), value);

    public void EndRequest() => _marked = null;

    /// <summary>The entries on the way to an address, by level from 1; as far as they are present. Complete says whether all are.</summary>
    public Path Walk(ulong top, uint address)
    {
        ulong[] entries = new ulong[4];
        ulong[] tables = new ulong[4];
        ulong table = top;
        for (int level = Levels; level > 0; level--)
        {
            tables[level] = table;
            entries[level] = Read(table, Index(address, level));
            if ((entries[level] & P) == 0)
            {
                return new Path(entries, tables, false);
            }

            if (level == 2 && (entries[level] & Large) != 0)
            {
                throw new NotSupportedException("The model knows no large pages.");
            }

            table = AddressOf(entries[level]);
        }

        return new Path(entries, tables, true);
    }

    /// <summary>The entries of a guest that has no tables yet: each address is its own, for the kernel only, writable.</summary>
    public Path Linear(uint address)
    {
        ulong[] entries = new ulong[4];
        ulong[] tables = new ulong[4];
        for (int level = Levels; level > 0; level--)
        {
            ulong reach = 1ul << (12 + (_bits * (level - 1)));
            entries[level] = (address & ~(reach - 1)) | P | W | A | D | (level > 1 ? U : 0);
            tables[level] = address & ~((reach << _bits) - 1);
        }

        return new Path(entries, tables, true);
    }
}

/// <summary>One walk: entries and the tables that they are in, by level.</summary>
internal sealed record Path(ulong[] Entries, ulong[] Tables, bool Complete)
{
    public ulong Leaf => Entries[1];
}
