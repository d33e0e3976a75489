namespace Gnomon.Traces.Tests;

public sealed class BadLineTests
{
    public static TheoryData<string, long, string> BadTraces => new()
    {
        // The first line.
        { "", 1, "the file is empty" },
        { "\n", 1, "a trace begins with `gnomon-trace 1`" },
        { "# comment\ngnomon-trace 1\ninit", 1, "this is no trace" },
        { "\xef\xbb\xbfgnomon-trace 1\ninit", 1, "the byte 0xef is not text" },
        { "gnomon-trace 2\ninit", 1, "not a version that is understood" },
        { "gnomon-trace 1 strict\ninit", 1, "not a version that is understood" },
        { "gnomon-trace 1", 1, "ends before `init`" },
        { "gnomon-trace 1\nmemory 16\n\n", 3, "ends before `init`" },

        // Order and repetition.
        { "gnomon-trace 1\ndump\ninit", 2, "`dump` before `init`" },
        { "gnomon-trace 1\ninit\ninit", 3, "a second `init`" },
        { "gnomon-trace 1\ninit\nmemory 16", 3, "belongs to the header" },
        { "gnomon-trace 1\ninit\nstrict", 3, "belongs to the header" },
        { "gnomon-trace 1\nmemory 16\nslots 4\nmemory 16\ninit", 4, "given in line 2 already" },
        { "gnomon-trace 1\nstrict\nstrict\ninit", 3, "given in line 2 already" },
        { "gnomon-trace 1\ngnomon-trace 1\ninit", 2, "`gnomon-trace` is unknown" },

        // Words.
        { "gnomon-trace 1\ninit\nfrobnicate 1", 3, "`frobnicate` is unknown; `gnomon trace format` lists" },
        { "gnomon-trace 1\ninit\npok 1 2", 3, "did you mean `poke`?" },
        { "gnomon-trace 1\nINIT", 2, "did you mean `init`?" },
        { "gnomon-trace 1\ninit\npoke 0x1000", 3, "the entry is missing; write `poke ADDRESS ENTRY`" },
        { "gnomon-trace 1\ninit\npoke", 3, "the address is missing" },
        { "gnomon-trace 1\ninit\npoke 0x1000 1 2", 3, "`2` is too much" },
        { "gnomon-trace 1\ninit now", 2, "`now` is too much" },
        { "gnomon-trace 1\nstrict yes\ninit", 2, "`yes` is too much" },
        { "gnomon-trace 1\ninit\ndump\xff", 3, "the byte 0xff is not text" },
        { "gnomon-trace 1\ninit\ndump\0", 3, "the byte 0x0 is not text" },
        { "gnomon-trace 1\ninit\ndump\rdump", 3, "the byte 0xd is not text" },
        { "gnomon-trace 1\ninit\n" + new string('x', 3000), 3, "…` is unknown" },
        { "gnomon-trace 1\ninit\n#" + new string('x', 4096), 3, "longer than 4096 bytes" },

        // Numbers.
        { "gnomon-trace 1\ninit\nstore 0x1001 9 1", 3, "the number of bytes" },
        { "gnomon-trace 1\ninit\nstore 0x1001 2 0x10000", 3, "is too large; at most 0xffff" },
        { "gnomon-trace 1\nmemory 16\ninit\nstore 0xffff 2 1", 4, "2 bytes at 0xffff reach past the guest's 16 pages" },
        { "gnomon-trace 1\ninit\npoke zero 1", 3, "the address `zero` is not a number" },
        { "gnomon-trace 1\ninit\npoke -4 1", 3, "is not a number" },
        { "gnomon-trace 1\ninit\npoke 0x 1", 3, "is not a number" },
        { "gnomon-trace 1\ninit\npoke 0X10 1", 3, "is not a number" },
        { "gnomon-trace 1\ninit\npoke 10h 1", 3, "is not a number" },
        { "gnomon-trace 1\ninit\npoke 1,0 1", 3, "is not a number" },
        { "gnomon-trace 1\ninit\npoke 0x1000 0x10000000000000000", 3, "is too large" },
        { "gnomon-trace 1\nformat pae\ninit\npoke 0x1000 18446744073709551616", 4, "is too large; at most 0xffffffffffffffff" },

        // Widths.
        { "gnomon-trace 1\ninit\npoke 0x1000 0x100000000", 3, "is too large; at most 0xffffffff" },
        { "gnomon-trace 1\ninit\nset-pte 0x1000 0 0x100000000", 3, "is too large" },
        { "gnomon-trace 1\ninit\nload 0x100000000", 3, "the table's address `0x100000000` is too large" },
        { "gnomon-trace 1\ninit\nfault 0x100000000 0", 3, "is too large" },
        { "gnomon-trace 1\ninit\nfault 0 0x100000000", 3, "the error code `0x100000000` is too large" },
        { "gnomon-trace 1\nformat pae\ninit\nset-pgd 0x1000 0x100000000", 4, "the index `0x100000000` is too large" },
        { "gnomon-trace 1\nkernel 0x100000000\ninit", 2, "is too large" },

        // Ranges.
        { "gnomon-trace 1\nmemory 0\ninit", 2, "out of range; 1 to 1048576" },
        { "gnomon-trace 1\nmemory 1048577\ninit", 2, "out of range; 1 to 1048576" },
        { "gnomon-trace 1\nmemory 99999999999999999999999\ninit", 2, "out of range" },
        { "gnomon-trace 1\nmemory 16M\ninit", 2, "is not a number" },
        { "gnomon-trace 1\nslots 0\ninit", 2, "out of range; 1 to 65536" },
        { "gnomon-trace 1\nprefault 0\ninit", 2, "out of range; 1 to 1024" },
        { "gnomon-trace 1\nprefault 1025\ninit", 2, "out of range; 1 to 1024" },
        { "gnomon-trace 1\ninit\ncpu 64", 3, "out of range; 0 to 63" },
        { "gnomon-trace 1\nslots 2\ninit\ncpu 2", 4, "needs a slot of its own" },
        { "gnomon-trace 1\ninit\nmap-switcher 255", 3, "out of range; 0 to 254" },
        { "gnomon-trace 1\ninit\nfail-allocations 2147483648", 3, "out of range" },

        // Choices.
        { "gnomon-trace 1\nformat long\ninit", 2, "the format `long` is unknown; write one of two-level, pae" },
        { "gnomon-trace 1\nformat\ninit", 2, "the format is missing" },
        { "gnomon-trace 1\npolicy random\ninit", 2, "the policy `random` is unknown" },
        { "gnomon-trace 1\npolicy random:\ninit", 2, "is unknown" },
        { "gnomon-trace 1\npolicy random:0x100000000\ninit", 2, "at most 0xffffffff" },
        { "gnomon-trace 1\npolicy fifo\ninit", 2, "is unknown" },
        { "gnomon-trace 1\ncoherence Watched\ninit", 2, "is unknown" },
        { "gnomon-trace 1\non-flush keep\ninit", 2, "is unknown" },
        { "gnomon-trace 1\nguest linux\ninit", 2, "is unknown" },
        { "gnomon-trace 1\ninit\naccess 0 r", 3, "the kind of access `r` is unknown" },
        { "gnomon-trace 1\ninit\naccess 0 uw", 3, "is unknown" },
        { "gnomon-trace 1\ninit\naccess 0 rwu", 3, "is unknown" },

        // What does not fit the header.
        { "gnomon-trace 1\nmemory 16\ninit\npoke 0x10000 1", 4, "lies outside the guest's 16 pages; use one below 0x10000" },
        { "gnomon-trace 1\nmemory 16\ninit\npeek 0x10000", 4, "lies outside" },
        { "gnomon-trace 1\nmemory 16\ninit\nreclaim 0x10000", 4, "lies outside" },
        { "gnomon-trace 1\nmemory 16\ninit\npeek 0xffffffffffffffff", 4, "lies outside" },
        { "gnomon-trace 1\ninit\npoke 0x1002 1", 3, "is not aligned; use a multiple of 4" },
        { "gnomon-trace 1\nformat pae\ninit\npeek 0x1004", 4, "is not aligned; use a multiple of 8" },
        { "gnomon-trace 1\ninit\nreclaim 0x5004", 3, "is not aligned; use a multiple of 4096" },
        { "gnomon-trace 1\ninit\nset-pmd 0x3000 4", 3, "two-level tables have no middle level" },
        { "gnomon-trace 1\nswitcher 0xffe00000\ninit", 2, "not a multiple of what a two-level table reaches; use a multiple of 0x400000" },
        { "gnomon-trace 1\nswitcher 0xfff00000\nformat pae\ninit", 2, "use a multiple of 0x200000" },
        { "gnomon-trace 1\ndevice 0x400000\ninit", 2, "the window's size is missing" },
        { "gnomon-trace 1\ndevice 0x400000 0\ninit", 2, "has no byte" },
        { "gnomon-trace 1\n\ndevice 0xfffff000 0x1001\ninit", 3, "keep its end at or below 0x100000000" },
        { "gnomon-trace 1\ndevice 0x1000000000 1\nformat pae\ninit", 2, "keep its end at or below 0x1000000000" },
        { "gnomon-trace 1\ndevice 0xffffffffffffffff 0xffffffffffffffff\ninit", 2, "leaves the 32 bits" },
    };

    [Theory]
    [MemberData(nameof(BadTraces), DisableDiscoveryEnumeration = true)]
    public void Parse_BadLine_SaysWhichAndWhatToDo(string text, long line, string sentence)
    {
        TraceFormatException error = Assert.Throws<TraceFormatException>(() => Text.Parse(text));

        Assert.Equal(line, error.Line);
        Assert.Contains(sentence, error.Problem, StringComparison.Ordinal);
        Assert.StartsWith($"line {line}: ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.True(error.Message.Length < 400, error.Message);
        Assert.All(error.Problem.Replace('…', '.'), c => Assert.InRange(c, ' ', '~'));
    }

    [Fact]
    public void Parse_EndlessLine_EndsAtOnce()
    {
        using Endless stream = new();

        TraceFormatException error = Assert.Throws<TraceFormatException>(() => TraceParser.Parse(stream));

        Assert.Contains("longer than", error.Problem, StringComparison.Ordinal);
        Assert.True(stream.BytesRead < 1 << 20);
    }

    [Fact]
    public void Parse_ManyDevices_AreCounted()
    {
        string devices = string.Concat(Enumerable.Repeat("device 0x1000 1\n", TraceHeader.MaxDevices + 1));

        TraceFormatException error = Assert.Throws<TraceFormatException>(() => Text.Parse($"gnomon-trace 1\n{devices}init\n"));

        Assert.Equal(TraceHeader.MaxDevices + 2, error.Line);
    }

    private sealed class Endless : Stream
    {
        public long BytesRead { get; private set; }

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => BytesRead; set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            Array.Fill(buffer, (byte)'x', offset, count);
            BytesRead += count;
            return count;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
