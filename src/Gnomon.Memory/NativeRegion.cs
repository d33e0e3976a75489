using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Gnomon.Memory;

/// <summary>
/// One reserved, zero-filled, lazily committed range of the process's address space.
/// One class per operating system does the reserving; this is what they have in common.
/// </summary>
internal abstract class NativeRegion : IDisposable
{
    private nint _address;

    protected NativeRegion(nint address, nuint length)
    {
        _address = address;
        Length = length;
    }

    /// <summary>The first byte. Page aligned; zero after <see cref="Dispose()"/>.</summary>
    public nint Address => _address;

    /// <summary>Bytes reserved.</summary>
    public nuint Length { get; }

    /// <summary>Reserves a range on the system that this process runs on.</summary>
    /// <exception cref="InsufficientMemoryException">The system refuses so large a range.</exception>
    public static NativeRegion Reserve(nuint length) =>
        OperatingSystem.IsWindows() ? WindowsRegion.Reserve(length) : PosixRegion.Reserve(length);

    /// <summary>Gives the range back. Whoever still holds an address into it holds a dangling one.</summary>
    public void Dispose()
    {
        nint address = Interlocked.Exchange(ref _address, 0);
        if (address != 0)
        {
            Free(address, Length);
        }
    }

    protected abstract void Free(nint address, nuint length);

    protected static InsufficientMemoryException Refused(nuint length) =>
        new($"The system refused to reserve {length >> 20} MiB of address space: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");
}
