using System.Diagnostics;

namespace Gnomon.Linux.Tests.Fixture;

/// <summary>Packs by the programs that everybody packs with.</summary>
internal static class Tools
{
    public static byte[] Pack(byte[] content, string program, params string[] arguments)
    {
        ProcessStartInfo start = new(Oracle.Tool(program), arguments) { RedirectStandardInput = true, RedirectStandardOutput = true };
        using Process process = Process.Start(start)!;
        Task input = Task.Run(() =>
        {
            process.StandardInput.BaseStream.Write(content);
            process.StandardInput.Close();
        });
        MemoryStream packed = new();
        process.StandardOutput.BaseStream.CopyTo(packed);
        input.GetAwaiter().GetResult();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return packed.ToArray();
    }

    /// <summary>Bytes that pack well but are not all alike, with some that look like calls of x86.</summary>
    public static byte[] Sample(int length, int seed = 1)
    {
        Random random = new(seed);
        byte[] bytes = new byte[length];
        for (int at = 0; at < length;)
        {
            int count = Math.Min(length - at, random.Next(1, 200));
            if (random.Next(3) == 0 && at > 1000)
            {
                bytes.AsSpan(random.Next(at - 500), Math.Min(count, 400)).CopyTo(bytes.AsSpan(at, Math.Min(count, 400)));
                at += Math.Min(count, 400);
            }
            else
            {
                bytes[at++] = (byte)(random.Next(8) == 0 ? 0xE8 : random.Next(64));
                if (at + 4 < length && bytes[at - 1] == 0xE8)
                {
                    bytes[at + 3] = 0;
                    at += 4;
                }
            }
        }

        return bytes;
    }
}
