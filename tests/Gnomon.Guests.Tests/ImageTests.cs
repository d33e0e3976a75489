using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;

namespace Gnomon.Guests.Tests;

/// <summary>The checked-in images: what they are, and that they come from their source.</summary>
public sealed class ImageTests
{
    private const string Compiler = "gcc (Debian 12.2.0-14+deb12u1) 12.2.0";
    private const string Linker = "GNU ld (GNU Binutils for Debian) 2.40";
    private const int MaxBytes = 100 * 1024;

    public static TheoryData<string> Names => [.. GuestImage.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Image_Header_IsAnExecutableWithAPhysicalEntry(string name)
    {
        byte[] image = GuestImage.Bytes(name);
        Assert.InRange(image.Length, 1, MaxBytes);
        Assert.Equal([0x7F, (byte)'E', (byte)'L', (byte)'F', 1, 1, 1], image[..7]);
        Assert.Equal((2, 3), (Word(image, 16), Word(image, 18))); // an executable for the 386
        Segment[] segments = [.. Segments(image)];
        Assert.All(segments, segment => Assert.Equal(1u, segment.Type)); // nothing to interpret, nothing dynamic
        Assert.Contains(segments, segment => Dword(image, 24) - segment.Physical < segment.InFile);
        uint end = 0x10_0000;
        foreach (Segment segment in segments.OrderBy(segment => segment.Physical))
        {
            Assert.True(segment.Virtual == segment.Physical || segment.Virtual == segment.Physical + 0xC000_0000, $"{segment}");
            Assert.True(segment.Physical >= end && segment.Physical % 4096 == 0 && segment.InFile <= segment.InMemory, $"{segment}");
            end = segment.Physical + segment.InMemory;
        }

        Assert.InRange(end, 0x10_0000u, 0x40_0000u); // a machine of 4 MiB holds it
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Image_Content_NamesNoCompilerAndNoFile(string name)
    {
        string text = Encoding.Latin1.GetString(GuestImage.Bytes(name));
        Assert.DoesNotContain("GCC: (", text, StringComparison.Ordinal);
        Assert.DoesNotContain(".c\0", text, StringComparison.Ordinal);
        Assert.DoesNotContain("/tmp", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Images_OfTheTwoFormats_Differ()
    {
        Assert.NotEqual(GuestImage.Bytes("sundial"), GuestImage.Bytes("sundial-pae"));
        Assert.NotEqual(GuestImage.Bytes("hostile"), GuestImage.Bytes("hostile-pae"));
    }

    [Fact]
    public void Build_FromSource_MakesTheImages()
    {
        string gcc = Oracle.Tool("gcc");
        string ld = Oracle.Tool("ld");
        _ = Oracle.Tool("bash");
        Oracle.Require("gcc -m32", Compiles32Bit(gcc, ld), "no 32-bit code");
        string output = Directory.CreateTempSubdirectory("gnomon-guests-").FullName;
        try
        {
            (int status, string said) = Run("bash", Path.Combine(GuestImage.Root, "build"), output);
            Assert.True(status == 0, said);
            bool isSame = FirstLine(gcc) == Compiler && FirstLine(ld) == Linker;
            foreach (string name in GuestImage.Names)
            {
                byte[] built = File.ReadAllBytes(Path.Combine(output, name));
                Assert.NotEmpty(Segments(built));
                Assert.True(!isSame || GuestImage.Bytes(name).AsSpan().SequenceEqual(built), $"guests/bin/{name} is not what guests/build makes of the source");
            }
        }
        finally
        {
            Directory.Delete(output, recursive: true);
        }
    }

    private static bool Compiles32Bit(string gcc, string ld) =>
        Run(gcc, "-m32", "-ffreestanding", "-x", "c", "-fsyntax-only", "/dev/null").Status == 0
        && Run(ld, "-V").Said.Contains("elf_i386", StringComparison.Ordinal);

    private static string FirstLine(string tool) => Run(tool, "--version").Said.Split('\n')[0];

    private static (int Status, string Said) Run(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, said + errors.GetAwaiter().GetResult());
    }

    private static IEnumerable<Segment> Segments(byte[] image)
    {
        int at = (int)Dword(image, 28);
        for (int i = 0; i < Word(image, 44); i++, at += 32)
        {
            yield return new Segment(Dword(image, at), Dword(image, at + 12), Dword(image, at + 8), Dword(image, at + 16), Dword(image, at + 20));
        }
    }

    private static int Word(byte[] image, int at) => BinaryPrimitives.ReadUInt16LittleEndian(image.AsSpan(at));

    private static uint Dword(byte[] image, int at) => BinaryPrimitives.ReadUInt32LittleEndian(image.AsSpan(at));

    private sealed record Segment(uint Type, uint Physical, uint Virtual, uint InFile, uint InMemory);
}
