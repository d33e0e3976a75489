using Gnomon.Memory;

namespace Gnomon.Cpu.Memory;

/// <summary>
/// The physical memory of a bare machine: RAM from address 0, a ROM that ends at 4 GiB and whose last 128 KiB are seen below 1 MiB as
/// well, and nothing else: what lies elsewhere reads as all ones, and stores there and into the ROM are lost (they are exits of kind
/// <see cref="CpuExitReason.Device"/>, for whoever runs the machine to drop).
/// </summary>
/// <remarks>RAM is backed by the host's frames at the first access.</remarks>
//  0          1 MiB - n    1 MiB        RAM's end                 4 GiB - ROM   4 GiB
//  +-----------+------------+-----------+-------------------------+-------------+
//  |    RAM    | ROM's last |    RAM    |   open bus: all ones    |     ROM     |
//  +-----------+-- n bytes -+-----------+-------------------------+-------------+     n = min(128 KiB, ROM)
// SAFETY: frames are allocated here and held until Dispose; a page number is compared with an array's length before it selects one.
public sealed unsafe class BareMemory : PhysicalMemory, IDisposable
{
    /// <summary>The most RAM, in MiB.</summary>
    public const int MaxRamMiB = 3072;

    /// <summary>What a ROM's size is a multiple of, in bytes.</summary>
    public const int RomUnitBytes = 64 << 10;

    /// <summary>The largest ROM, in bytes.</summary>
    public const int MaxRomBytes = 256 << 10;

    /// <summary>Host memory that is needed beside the RAM, in MiB: the ROM and the open bus.</summary>
    public const int OverheadMiB = 1;

    private const ulong FourGiBPage = 1UL << 20;
    private const ulong OneMiBPage = 1UL << 8;
    private const uint LowRomPages = (128 << 10) >> PageSize.Shift;

    private readonly HostMemory _host;
    private readonly Pfn[] _ram;
    private readonly Pfn[] _rom;
    private readonly Pfn _openBus;
    private bool _disposed;

    /// <summary>Makes the memory.</summary>
    /// <param name="host">Where frames come from; it needs <paramref name="ramMiB"/> + <see cref="OverheadMiB"/> MiB.</param>
    /// <param name="ramMiB">RAM in MiB, 1 … <see cref="MaxRamMiB"/>.</param>
    /// <param name="rom">The ROM: nothing, or a multiple of <see cref="RomUnitBytes"/> up to <see cref="MaxRomBytes"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is out of range.</exception>
    /// <exception cref="InsufficientMemoryException">The host has too few frames.</exception>
    public BareMemory(HostMemory host, int ramMiB, ReadOnlySpan<byte> rom = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ramMiB, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ramMiB, MaxRamMiB);
        if (rom.Length > MaxRomBytes || rom.Length % RomUnitBytes != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(rom), rom.Length, "A ROM is a multiple of 64 KiB, at most 256 KiB.");
        }

        _host = host;
        _ram = new Pfn[ramMiB << (20 - PageSize.Shift)];
        _rom = new Pfn[rom.Length >> PageSize.Shift];
        _openBus = Allocate();
        _host.Bytes(_openBus).Fill(0xFF);
        for (int page = 0; page < _rom.Length; page++)
        {
            _rom[page] = Allocate();
            rom.Slice(page << PageSize.Shift, PageSize.Bytes).CopyTo(_host.Bytes(_rom[page]));
        }
    }

    /// <summary>Bytes of RAM.</summary>
    public ulong RamBytes => (ulong)_ram.Length << PageSize.Shift;

    /// <summary>Bytes of ROM.</summary>
    public ulong RomBytes => (ulong)_rom.Length << PageSize.Shift;

    /// <inheritdoc/>
    public override PhysicalPage Find(ulong page, bool write)
    {
        int rom = RomIndex(page);
        if (rom >= 0)
        {
            return write ? PhysicalPage.Device : PhysicalPage.Memory(_host.Address(_rom[rom]));
        }

        if (page >= (ulong)_ram.Length)
        {
            // Code may run into it as well: it reads as it would by an exit, without one.
            return write ? PhysicalPage.Device : PhysicalPage.Memory(_host.Address(_openBus));
        }

        return PhysicalPage.Memory(_host.Address(Frame(page)));
    }

    /// <summary>Whether a range is RAM as a whole; what the ROM covers is not.</summary>
    /// <param name="physical">The first byte.</param>
    /// <param name="length">Bytes.</param>
    public bool IsRam(ulong physical, ulong length)
    {
        if (physical > RamBytes || length > RamBytes - physical)
        {
            return false;
        }

        ulong romStart = (OneMiBPage - Math.Min(LowRomPages, (uint)_rom.Length)) << PageSize.Shift;
        return physical + length <= romStart || physical >= OneMiBPage << PageSize.Shift || length == 0;
    }

    /// <summary>Copies bytes into RAM. A processor that has run code from there must be told (<see cref="Processor.NotifyStore"/>).</summary>
    /// <param name="physical">Where to.</param>
    /// <param name="bytes">What.</param>
    /// <exception cref="ArgumentOutOfRangeException">Not all of it is RAM.</exception>
    public void Load(ulong physical, ReadOnlySpan<byte> bytes)
    {
        if (!IsRam(physical, (ulong)bytes.Length))
        {
            throw new ArgumentOutOfRangeException(nameof(physical), physical, $"The {bytes.Length} bytes there are not all RAM.");
        }

        while (!bytes.IsEmpty)
        {
            int inPage = (int)(physical & PageSize.OffsetMask);
            int part = Math.Min(bytes.Length, PageSize.Bytes - inPage);
            bytes[..part].CopyTo(_host.Bytes(Frame(physical >> PageSize.Shift))[inPage..]);
            bytes = bytes[part..];
            physical += (ulong)part;
        }
    }

    /// <summary>Copies bytes out, whatever lies there. Backs no RAM.</summary>
    /// <param name="physical">Where from.</param>
    /// <param name="bytes">Where to.</param>
    public void Read(ulong physical, Span<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int inPage = (int)(physical & PageSize.OffsetMask);
            int part = Math.Min(bytes.Length, PageSize.Bytes - inPage);
            ulong page = physical >> PageSize.Shift;
            if (page < (ulong)_ram.Length && RomIndex(page) < 0 && _ram[page] == Pfn.None)
            {
                bytes[..part].Clear();
            }
            else
            {
                new ReadOnlySpan<byte>((byte*)Find(page, write: false).Address + inPage, part).CopyTo(bytes);
            }

            bytes = bytes[part..];
            physical += (ulong)part;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        foreach (Pfn frame in _ram.Concat(_rom).Append(_openBus).Where(frame => frame != Pfn.None))
        {
            _host.DropReference(frame);
        }
    }

    private int RomIndex(ulong page)
    {
        uint pages = (uint)_rom.Length;
        if (page - (FourGiBPage - pages) < pages)
        {
            return (int)(page - (FourGiBPage - pages));
        }

        uint low = Math.Min(LowRomPages, pages);
        return page - (OneMiBPage - low) < low ? (int)(page - OneMiBPage + pages) : -1;
    }

    private Pfn Frame(ulong page)
    {
        ref Pfn frame = ref _ram[page];
        if (frame == Pfn.None)
        {
            frame = Allocate();
        }

        return frame;
    }

    private Pfn Allocate() => _host.TryAllocate(out Pfn frame)
        ? frame
        : throw new InsufficientMemoryException("The host has no frame left for a bare machine's memory.");
}
