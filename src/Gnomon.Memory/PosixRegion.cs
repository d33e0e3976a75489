using System.Runtime.InteropServices;

namespace Gnomon.Memory;

/// <summary>Reserving by <c>mmap</c>: anonymous, private, without swap reservation, so that an untouched frame costs nothing.</summary>
internal sealed partial class PosixRegion : NativeRegion
{
    private const int ReadWrite = 1 | 2;
    private const int Private = 2;
    private const int LinuxAnonymousNoReserve = 0x20 | 0x4000;
    private const int DarwinAnonymousNoReserve = 0x1000 | 0x40;

    private PosixRegion(nint address, nuint length)
        : base(address, length)
    {
    }

    public static new PosixRegion Reserve(nuint length)
    {
        int flags = Private | (OperatingSystem.IsMacOS() ? DarwinAnonymousNoReserve : LinuxAnonymousNoReserve);
        nint address = Map(0, length, ReadWrite, flags, -1, 0);
        return address == -1 ? throw Refused(length) : new PosixRegion(address, length);
    }

    protected override void Free(nint address, nuint length) => _ = Unmap(address, length);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Unmap(nint address, nuint length);
}
