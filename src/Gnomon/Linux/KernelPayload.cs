using System.Buffers.Binary;
using Gnomon.Linux.Compression;
using Gnomon.Monitor;

namespace Gnomon.Linux;

/// <summary>A bzImage's kernel, unpacked on the host; or why the guest must do it itself.</summary>
/// <param name="Vmlinux">The unpacked ELF file; empty when it could not be unpacked.</param>
/// <param name="Kernel">The same, read; null when it could not be unpacked.</param>
/// <param name="Reason">Why not, as one sentence; empty when it was.</param>
public readonly record struct UnpackedKernel(ReadOnlyMemory<byte> Vmlinux, KernelImage? Kernel, string Reason);

/// <summary>Unpacks on the host what a bzImage would unpack in the guest: some two thousand million instructions less.</summary>
/// <remarks>A relocatable kernel's payload has the list of its relocations behind the ELF file. They are for other addresses than the
/// linked one, where the loader puts it.</remarks>
public static class KernelPayload
{
    private const int MaxBytes = 512 << 20;

    /// <summary>Unpacks a bzImage's payload and verifies it: its checksum, its length, and that it is a kernel.</summary>
    /// <param name="kernel">A bzImage.</param>
    /// <returns>The kernel, or the reason why there is none.</returns>
    public static UnpackedKernel Unpack(KernelImage kernel)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        if (kernel.Kind != KernelKind.BzImage)
        {
            return new UnpackedKernel(default, null, "The kernel is no bzImage.");
        }

        SetupHeader header = SetupHeader.Parse(kernel.Setup.Span);
        if (header.PayloadLength < 8)
        {
            return new UnpackedKernel(default, null, "The kernel does not say where its compressed part is.");
        }

        ReadOnlyMemory<byte> payload = kernel.Segments[0].Bytes.Slice((int)header.PayloadOffset, (int)header.PayloadLength);

        // Linux, scripts/Makefile.lib: the unpacked length stands behind the compressed data; gzip has it there anyway.
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(payload.Span[^4..]);
        CompressionKind kind = Decompressor.KindOf(payload.Span);
        if (kind is CompressionKind.None or CompressionKind.Other)
        {
            return new UnpackedKernel(default, null, "The kernel is compressed in a format that only the guest can unpack.");
        }

        if (length is 0 or > MaxBytes)
        {
            return new UnpackedKernel(default, null, $"The kernel's compressed part is damaged: it announces {length} bytes.");
        }

        try
        {
            byte[] unpacked = Decompressor.UnpackExactly(kind == CompressionKind.Gzip ? payload : payload[..^4], (int)length);
            return new UnpackedKernel(unpacked, KernelImage.Parse(unpacked), "");
        }
        catch (Exception error) when (error is InvalidDataException or KernelFormatException)
        {
            return new UnpackedKernel(default, null, $"The kernel's compressed part cannot be used: {error.Message.TrimEnd('.')}.");
        }
    }
}
