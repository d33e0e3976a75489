namespace Gnomon.MachineTests;

/// <summary>A file of sectors, gone with the test. Sector n is filled with the byte n.</summary>
internal sealed class TemporaryDisk : IDisposable
{
    public TemporaryDisk(int sectors)
    {
        Path = System.IO.Path.GetTempFileName();
        byte[] content = new byte[512 * sectors];
        for (int i = 0; i < content.Length; i++)
        {
            content[i] = (byte)(i / 512);
        }

        File.WriteAllBytes(Path, content);
    }

    public string Path { get; }

    public void Dispose() => File.Delete(Path);
}
