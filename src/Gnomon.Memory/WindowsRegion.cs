using System.Runtime.InteropServices;

namespace Gnomon.Memory;

/// <summary>Reserving by <c>VirtualAlloc</c>: committed at once as far as Windows accounts for it, but backed on first touch.</summary>
internal sealed partial class WindowsRegion : NativeRegion
{
    private const uint CommitAndReserve = 0x1000 | 0x2000;
    private const uint Release = 0x8000;
    private const uint ReadWrite = 4;

    private WindowsRegion(nint address, nuint length)
        : base(address, length)
    {
    }

    public static new WindowsRegion Reserve(nuint length)
    {
        nint address = VirtualAlloc(0, length, CommitAndReserve, ReadWrite);
        return address == 0 ? throw Refused(length) : new WindowsRegion(address, length);
    }

    protected override void Free(nint address, nuint length) => _ = VirtualFree(address, 0, Release);

    [LibraryImport("kernel32", SetLastError = true)]
    private static partial nint VirtualAlloc(nint address, nuint length, uint type, uint protection);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool VirtualFree(nint address, nuint length, uint type);
}
