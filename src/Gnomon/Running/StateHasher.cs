using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using Gnomon.Cpu;
using Gnomon.Devices;
using Gnomon.Memory;
using Gnomon.Monitor;

namespace Gnomon;

/// <summary>A hash of all that a machine's future depends on: time, registers, memory and devices.</summary>
internal static class StateHasher
{
    /// <summary>Hashes. With the guest's lock held, between two stretches.</summary>
    /// <returns>SHA-256, in hexadecimal.</returns>
    public static string Hash(GuestParts parts)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        IGuest guest = parts.Guest;
        AppendRegisters(hash, guest);
        AppendMemory(hash, guest.Memory);
        using HashStream stream = new(hash);
        parts.SaveDevices(new StateWriter(stream));
        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }

    // What a paravirtual guest has for registers while the Switcher holds them, and then all that the processor has.
    private static void AppendRegisters(IncrementalHash hash, IGuest guest)
    {
        GuestRegisters r = guest.Registers;
        uint[] words =
        [
            (uint)guest.Processor.Instructions, (uint)(guest.Processor.Instructions >> 32), (uint)guest.Now, (uint)(guest.Now >> 32),
            r.Eax, r.Ebx, r.Ecx, r.Edx, r.Esi, r.Edi, r.Ebp, r.Esp, r.Eip, r.Eflags, r.Cs, r.Ss,
            (uint)(guest.Mmu?.Cpu(0).Directory.Value ?? guest.Processor.Registers.Cr3), (guest as ParavirtualGuest)?.Interrupts.Waiting ?? 0,
        ];
        Span<byte> bytes = stackalloc byte[4 * words.Length];
        for (int i = 0; i < words.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(bytes[(4 * i)..], words[i]);
        }

        hash.AppendData(bytes);
        ArrayBufferWriter<byte> processor = new(1024);
        guest.Processor.Save(processor);
        hash.AppendData(processor.WrittenSpan);
    }

    // A page that was never written and one that is zero are the same to the guest.
    private static void AppendMemory(IncrementalHash hash, GuestMemory memory)
    {
        Span<byte> page = stackalloc byte[PageSize.Bytes];
        Span<byte> number = stackalloc byte[4];
        for (uint i = 0; i < memory.PageCount; i++)
        {
            Gfn gfn = new(i);
            if (!memory.TryGetFrame(gfn, out _) || memory.Read(gfn.Address, page) != PageStatus.Ok || !page.ContainsAnyExcept((byte)0))
            {
                continue;
            }

            BinaryPrimitives.WriteUInt32LittleEndian(number, i);
            hash.AppendData(number);
            hash.AppendData(page);
        }
    }

    private sealed class HashStream(IncrementalHash hash) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => hash.AppendData(buffer, offset, count);

        public override void Write(ReadOnlySpan<byte> buffer) => hash.AppendData(buffer);
    }
}
