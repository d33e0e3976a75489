using System.Text;

namespace Gnomon.Cli.Tests;

/// <summary>A folder for a test's files.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gnomon-cli-");

    public string Path => _folder.FullName;

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public string Write(string name, string text)
    {
        System.IO.File.WriteAllBytes(File(name), Encoding.Latin1.GetBytes(text));
        return File(name);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
