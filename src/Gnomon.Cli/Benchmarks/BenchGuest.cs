using System.Buffers.Binary;
using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;
using Gnomon.Traces;

namespace Gnomon.Cli.Benchmarks;

/// <summary>A guest of 64 MiB with the page tables that a measurement needs. Its data pages are backed before anything is timed.</summary>
internal sealed class BenchGuest : IDisposable
{
    /// <summary>Where the user pages begin.</summary>
    public const uint UserBase = 0x1000_0000;

    /// <summary>Where the kernel's pages begin.</summary>
    public const uint KernelBase = 0xC000_0000;

    /// <summary>A user page that was not used yet.</summary>
    public const ulong Fresh = PageEntry.Present | PageEntry.Writable | PageEntry.User;

    /// <summary>A page that was used and written.</summary>
    public const ulong Used = Fresh | PageEntry.Accessed | PageEntry.Dirty;

    private const int MemoryPages = 16384;
    private const int FirstDataPage = 2048;
    private const int HostMiB = 160;

    private readonly HostMemory _host = new(HostMiB);
    private readonly Switcher _switcher;
    private readonly FormatShape _shape;
    private readonly byte[] _bytes = new byte[8];
    private uint _nextTable = 1;

    /// <summary>Makes the guest.</summary>
    public BenchGuest(TraceFormat format, ShadowOptions options)
    {
        _shape = FormatShape.Of(format);
        Memory = new GuestMemory(_host, MemoryPages);
        _switcher = new Switcher(_host, 1);
        Mmu = format == TraceFormat.Pae
            ? ShadowMmu.CreatePae(Memory, options, _switcher)
            : ShadowMmu.CreateTwoLevel(Memory, options, _switcher);
        for (int page = FirstDataPage; page < MemoryPages; page++)
        {
            Memory.Bring(new Gfn((ulong)page), write: true, out _);
        }
    }

    /// <summary>The shadow tables.</summary>
    public IShadowMmu Mmu { get; }

    /// <summary>The guest's memory.</summary>
    public GuestMemory Memory { get; }

    /// <summary>A leaf entry of a data page.</summary>
    public static ulong Leaf(int page, ulong flags) => ((ulong)(FirstDataPage + page) << PageSize.Shift) | flags;

    /// <summary>The address of a user page.</summary>
    public static Gva User(int page) => new(UserBase + ((uint)page << PageSize.Shift));

    /// <summary>The address of a kernel page.</summary>
    public static Gva Kernel(int page) => new(KernelBase + ((uint)page << PageSize.Shift));

    /// <summary>Takes a page for a top-level table.</summary>
    public Gpa NewDirectory() => new((ulong)_nextTable++ << PageSize.Shift);

    /// <summary>Maps a page in the guest's tables and returns where its entry stands.</summary>
    public Gpa Map(Gpa directory, Gva address, ulong leaf)
    {
        ulong table = directory.Value;
        for (int level = _shape.Levels; level > 1; level--)
        {
            Gpa place = new(table + (ulong)(_shape.IndexOf(address.Value, level) * _shape.EntryBytes));
            ulong entry = Read(place);
            if (entry == 0)
            {
                entry = ((ulong)_nextTable++ << PageSize.Shift) | (level == 3 ? PageEntry.Present : Used);
                Write(place, entry);
            }

            table = entry & PageEntry.AddressMask;
        }

        Gpa leafPlace = new(table + (ulong)(_shape.IndexOf(address.Value, 1) * _shape.EntryBytes));
        Write(leafPlace, leaf);
        return leafPlace;
    }

    /// <summary>Makes a directory with another's kernel half.</summary>
    public Gpa NewDirectoryWithKernelOf(Gpa other)
    {
        Gpa directory = NewDirectory();
        for (int i = _shape.IndexOf(KernelBase, _shape.Levels); i < _shape.TopEntries; i++)
        {
            ulong offset = (ulong)(i * _shape.EntryBytes);
            Write(new Gpa(directory.Value + offset), Read(new Gpa(other.Value + offset)));
        }

        return directory;
    }

    /// <summary>Writes an entry of the guest's.</summary>
    public void Write(Gpa place, ulong entry)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes, entry);
        Memory.Write(place, _bytes.AsSpan(0, _shape.EntryBytes));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Mmu.Dispose();
        Memory.Dispose();
        _switcher.Dispose();
        _host.Dispose();
    }

    private ulong Read(Gpa place)
    {
        Array.Clear(_bytes);
        Memory.Read(place, _bytes.AsSpan(0, _shape.EntryBytes));
        return BinaryPrimitives.ReadUInt64LittleEndian(_bytes);
    }
}
