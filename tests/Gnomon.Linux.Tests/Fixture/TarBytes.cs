using System.Formats.Tar;
using System.Text;

namespace Gnomon.Linux.Tests.Fixture;

/// <summary>Archives that another writer makes, and headers that no writer would.</summary>
internal static class TarBytes
{
    public static byte[] Of(TarEntryFormat format, params TarEntry[] entries)
    {
        MemoryStream stream = new();
        using (TarWriter writer = new(stream, format, leaveOpen: true))
        {
            foreach (TarEntry entry in entries)
            {
                writer.WriteEntry(entry);
            }
        }

        return stream.ToArray();
    }

    public static TarEntry File(TarEntryFormat format, string name, byte[] content, UnixFileMode mode = UnixFileMode.UserRead)
    {
        TarEntry entry = Entry(format, name, TarEntryType.RegularFile);
        entry.Mode = mode;
        entry.DataStream = new MemoryStream(content);
        return entry;
    }

    public static TarEntry Entry(TarEntryFormat format, string name, TarEntryType type, string? target = null)
    {
        TarEntry entry = format switch
        {
            TarEntryFormat.Pax => new PaxTarEntry(type, name),
            TarEntryFormat.Gnu => new GnuTarEntry(type, name),
            _ => new UstarTarEntry(type, name),
        };
        if (target is not null)
        {
            entry.LinkName = target;
        }

        return entry;
    }

    /// <summary>A header with its checksum, for what a writer would refuse.</summary>
    public static byte[] Header(string name, char type, string size, string target = "")
    {
        byte[] header = new byte[512];
        Encoding.UTF8.GetBytes(name).AsSpan(0, Math.Min(Encoding.UTF8.GetByteCount(name), 100)).CopyTo(header);
        "0000644"u8.CopyTo(header.AsSpan(100));
        Encoding.ASCII.GetBytes(size).CopyTo(header, 124);
        header[156] = (byte)type;
        Encoding.UTF8.GetBytes(target).CopyTo(header, 157);
        "ustar\u000000"u8.CopyTo(header.AsSpan(257));
        return Sealed(header);
    }

    public static byte[] Sealed(byte[] header)
    {
        header.AsSpan(148, 8).Fill((byte)' ');
        int sum = header.Sum(value => value);
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0')).CopyTo(header, 148);
        header[154] = 0;
        return header;
    }

    public static byte[] End => new byte[1024];
}
