using System.Text;

namespace Gnomon.Linux.Tests.Fixture;

/// <summary>Makes Debian packages: an ar archive of three members (deb(5)).</summary>
internal static class DebBytes
{
    public static byte[] Of(byte[] data, string dataName = "data.tar.xz")
    {
        MemoryStream stream = new();
        stream.Write("!<arch>\n"u8);
        Member(stream, "debian-binary", "2.0\n"u8.ToArray());
        Member(stream, "control.tar.xz", [1, 2, 3]);
        Member(stream, dataName, data);
        return stream.ToArray();
    }

    private static void Member(MemoryStream stream, string name, byte[] content)
    {
        stream.Write(Encoding.ASCII.GetBytes($"{name,-16}{0,-12}{0,-6}{0,-6}{"100644",-8}{content.Length,-10}`\n"));
        stream.Write(content);
        if (content.Length % 2 != 0)
        {
            stream.WriteByte((byte)'\n');
        }
    }
}
