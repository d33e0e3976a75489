using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>
/// The memory that test and runner share: a temporary file that both map. Offsets are from the start of the file, which the runner sees
/// at <see cref="RunnerAddress"/>.
/// </summary>
internal sealed class SharedArea : IDisposable
{
    public const uint RunnerAddress = AddressMap.Runner + 0x100_0000;

    public const uint Count = 0;
    public const uint Done = 4;
    public const uint SetupError = 8;
    public const uint HasLowData = 12;
    public const uint DescriptorCount = 16;
    public const uint SetupStep = 20;
    public const uint WantsLowData = 24;
    public const uint Descriptors = 0x100;
    public const uint DescriptorBytes = 16;

    public const uint LowBackground = 0x1000;
    public const uint HighBackground = LowBackground + AddressMap.WritableBytes;
    public const uint LowWindow = HighBackground + AddressMap.WritableBytes;
    public const uint HighWindow = LowWindow + AddressMap.WindowBytes;
    public const uint Code = 0x1_0000;
    public const uint Edges = Code + AddressMap.CodeBytes;
    public const uint Cases = Edges + AddressMap.EdgeBytes;
    public const uint FpuImages = Cases + (AddressMap.Slots * InstructionCase.HostBytes);
    public const uint Results = FpuImages + (AddressMap.Slots * FpuState.Bytes);
    public const uint ResultsBytes = 0x100_0000;
    public const uint Bytes = Results + ResultsBytes;

    /// <summary>The start of a result: the context, then a word each of size and landing.</summary>
    public const int ResultSize = ProcessorContext.Bytes;
    public const int ResultFpu = 96;

    /// <summary>A changed block in a result: its address, padding to sixteen bytes, its data.</summary>
    public const int ResultBlockBytes = 32;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly nint _start;

    public SharedArea()
    {
        string folder = Directory.Exists("/dev/shm") ? "/dev/shm" : System.IO.Path.GetTempPath();
        Path = System.IO.Path.Combine(folder, $"gnomon-oracle-{Guid.NewGuid():N}");
        _file = MemoryMappedFile.CreateFromFile(Path, FileMode.CreateNew, null, Bytes);
        _view = _file.CreateViewAccessor(0, Bytes);
        _start = _view.SafeMemoryMappedViewHandle.DangerousGetHandle();
    }

    /// <summary>The file's name.</summary>
    public string Path { get; }

    /// <summary>A part of the area; the caller must not use it after <see cref="Dispose"/>.</summary>
    public Span<byte> this[uint offset, int length]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((ulong)offset + (uint)length, Bytes, nameof(offset));

            // SAFETY: the view maps Bytes bytes from _start on until Dispose; the range was checked above.
            unsafe
            {
                return new Span<byte>((byte*)_start + offset, length);
            }
        }
    }

    /// <summary>A word of the area.</summary>
    public ref uint Word(uint offset) => ref MemoryMarshal.AsRef<uint>(this[offset, sizeof(uint)]);

    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
        File.Delete(Path);
    }
}
