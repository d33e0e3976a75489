namespace Gnomon.Build;

/// <summary>
/// One build at a time in a clone: the same lock (flock) that eng/ensure-built.sh takes, so that ./gnomon and ./build do not write
/// the same files together.
/// </summary>
internal sealed class BuildLock : IDisposable
{
    private readonly FileStream _file;

    private BuildLock(FileStream file) => _file = file;

    public static BuildLock Take(Repository repository)
    {
        string path = Path.Combine(Directory.CreateDirectory(Path.Combine(repository.Artifacts, "stamps")).FullName, "lock");
        for (bool told = false; ; told = true)
        {
            try
            {
                return new BuildLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None));
            }
            catch (IOException)
            {
                if (!told)
                {
                    Console.WriteLine("waiting for another build in this directory ...");
                }

                Thread.Sleep(200);
            }
        }
    }

    public void Dispose() => _file.Dispose();
}
