namespace Gnomon.Monitor.Tests.Unmodified;

/// <summary>Page tables as the tests lay them out: the first 4 MiB as they are, nothing else. Accessed and dirty are clear.</summary>
internal sealed class SmallTables(Action<uint, uint> write, bool pae)
{
    public const uint Directory = 0x2_0000;

    /// <summary>A second top-level table; its lower tables begin behind it.</summary>
    public const uint Other = 0x3_0000;

    /// <summary>Present, writable, user.</summary>
    public const uint Open = 7;

    public bool IsPae => pae;

    /// <summary>Bytes of an entry.</summary>
    public uint Width => pae ? 8u : 4u;

    /// <summary>Writes the tables of an address space.</summary>
    public void Lay(uint directory = Directory)
    {
        if (pae)
        {
            write(directory, Middle(directory) | 1);
            write(Middle(directory), Leaves(directory) | Open);
            write(Middle(directory) + 8, (Leaves(directory) + 0x1000) | Open);
        }
        else
        {
            write(directory, Leaves(directory) | Open);
        }

        for (uint page = 0; page < 1024; page++)
        {
            Map(page << 12, page << 12, Open, directory);
        }
    }

    /// <summary>Writes a leaf entry.</summary>
    public void Map(uint address, uint physical, uint flags, uint directory = Directory) => write(Entry(address, directory), physical | flags);

    /// <summary>Where the leaf entry of an address of the first 4 MiB lies.</summary>
    public uint Entry(uint address, uint directory = Directory) => Leaves(directory) + ((address >> 12) * Width);

    /// <summary>Where the entry lies that covers 4 MiB, in PAE the first or second 2 MiB, through a leaf table.</summary>
    public uint UpperEntry(uint address, uint directory = Directory) => pae ? Middle(directory) + ((address >> 21) * 8) : directory + ((address >> 22) * 4);

    /// <summary>Bytes that an upper entry covers.</summary>
    public uint UpperReach => pae ? 2u << 20 : 4u << 20;

    /// <summary>The leaf table of the first addresses; in PAE a second one follows.</summary>
    public uint Leaves(uint directory = Directory) => directory + (pae ? 0x2000u : 0x1000u);

    private static uint Middle(uint directory) => directory + 0x1000;
}
