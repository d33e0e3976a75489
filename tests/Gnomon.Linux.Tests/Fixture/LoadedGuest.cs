using System.Buffers.Binary;
using Gnomon.Memory;
using Gnomon.Monitor;

namespace Gnomon.Linux.Tests.Fixture;

/// <summary>A guest's memory into which the loader has put a kernel, and ways to look at it.</summary>
internal sealed class LoadedGuest : IDisposable
{
    private readonly HostMemory _host;

    public LoadedGuest(byte[] kernel, LinuxBootOptions? options = null, int memoryMiB = 64)
    {
        _host = new HostMemory(Math.Min(memoryMiB + 16, 256));
        Memory = new GuestMemory(_host, memoryMiB << 8);
        try
        {
            Boot = LinuxLoader.Load(Memory, KernelImage.Parse(kernel), options ?? new LinuxBootOptions());
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public GuestMemory Memory { get; }

    public BootedKernel Boot { get; } = null!;

    public byte[] Bytes(ulong address, int length)
    {
        byte[] bytes = new byte[length];
        Assert.Equal(PageStatus.Ok, Memory.Read(new Gpa(address), bytes));
        return bytes;
    }

    public ushort Read16(ulong address) => BinaryPrimitives.ReadUInt16LittleEndian(Bytes(address, 2));

    public uint Read32(ulong address) => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(address, 4));

    public ulong Read64(ulong address) => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(address, 8));

    public string Text(ulong address) => KernelFile.ZeroTerminated(Bytes(address, 4096));

    /// <summary>The one sentence with which a kernel is refused.</summary>
    public static string Refusal(byte[] kernel, LinuxBootOptions? options = null, int memoryMiB = 64) =>
        Assert.Throws<KernelFormatException>(() => new LoadedGuest(kernel, options, memoryMiB).Dispose()).Message;

    public void Dispose()
    {
        Memory.Dispose();
        _host.Dispose();
    }
}
