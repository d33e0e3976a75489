using System.Buffers.Binary;
using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon.Monitor;

/// <summary>Guest memory by guest-virtual address, as the host uses it for the guest kernel: each word is translated and checked by itself.</summary>
internal sealed class GuestStack(IShadowMmu mmu)
{
    private const int Number = 0;

    /// <summary>Writes a word as the guest kernel would: the page is mapped, accessed and dirty then.</summary>
    /// <exception cref="GuestKilledException">The guest kernel may not write there.</exception>
    public void Write(uint address, uint value)
    {
        Span<byte> word = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(word, value);
        for (int done = 0; done < word.Length;)
        {
            Gva at = new(address + (uint)done);
            int part = Part(at, word.Length - done);
            mmu.PinPage(Number, at);
            Gpa place = mmu.TryGetGuestPage(Number, at, out Gfn page) ? new Gpa(page.Address.Value | at.PageOffset) : mmu.TranslateGuest(Number, at);
            GuestDeath.Unless(mmu.Memory.Write(place, word.Slice(done, part)), "the guest's stack", at.Value);
            done += part;
        }
    }

    /// <summary>Reads a word.</summary>
    /// <exception cref="GuestKilledException">It is not mapped.</exception>
    public uint Read(uint address)
    {
        Span<byte> word = stackalloc byte[4];
        for (int done = 0; done < word.Length;)
        {
            Gva at = new(address + (uint)done);
            int part = Part(at, word.Length - done);
            GuestDeath.Unless(mmu.Memory.Read(mmu.TranslateGuest(Number, at), word.Slice(done, part)), "the guest's memory", at.Value);
            done += part;
        }

        return BinaryPrimitives.ReadUInt32LittleEndian(word);
    }

    /// <summary>Reads the bytes of an instruction, without killing.</summary>
    /// <returns>How many could be read.</returns>
    public int ReadCode(uint address, Span<byte> bytes)
    {
        int done = 0;
        while (done < bytes.Length)
        {
            Gva at = new(address + (uint)done);
            int part = Part(at, bytes.Length - done);
            if (!mmu.TryTranslateGuest(Number, at, out Gpa place) || mmu.Memory.Read(place, bytes.Slice(done, part)) != PageStatus.Ok)
            {
                break;
            }

            done += part;
        }

        return done;
    }

    private static int Part(Gva at, int left) => Math.Min(left, PageSize.Bytes - (int)at.PageOffset);
}
