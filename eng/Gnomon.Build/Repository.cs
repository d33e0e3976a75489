using System.Xml.Linq;

namespace Gnomon.Build;

/// <summary>The clone that this program was built in: where things lie.</summary>
internal sealed class Repository
{
    private Repository(string root) => Root = root;

    public string Root { get; }

    public string Artifacts => Path.Combine(Root, "artifacts");

    public string Solution => Path.Combine(Root, "Gnomon.slnx");

    /// <summary>Finds the root above this program's own directory.</summary>
    public static Repository Find()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "Gnomon.slnx")))
            {
                return new Repository(directory.FullName);
            }
        }

        throw new BuildException($"no Gnomon.slnx above {AppContext.BaseDirectory}");
    }

    public string PathTo(string relative) => Path.GetFullPath(Path.Combine(Root, relative));

    public string Relative(string path) => Path.GetRelativePath(Root, path).Replace('\\', '/');

    /// <summary>A fresh, empty directory under artifacts/.</summary>
    public string FreshDirectory(string name)
    {
        string path = Path.Combine(Artifacts, name);
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }

        return Directory.CreateDirectory(path).FullName;
    }

    /// <summary>The project files one directory below <paramref name="folder"/> (src, tests, bench), in order of name.</summary>
    public IReadOnlyList<string> Projects(string folder)
    {
        string path = Path.Combine(Root, folder);
        return !Directory.Exists(path)
            ? []
            : [.. Directory.EnumerateDirectories(path)
                .SelectMany(directory => Directory.EnumerateFiles(directory, "*.csproj"))
                .Order(StringComparer.Ordinal)];
    }

    /// <summary>Projects that exist but that Gnomon.slnx does not name; they are built one by one.</summary>
    public IReadOnlyList<string> ProjectsOutsideSolution()
    {
        HashSet<string> named = [.. XDocument.Load(Solution).Descendants("Project").Select(p => PathTo((string)p.Attribute("Path")!))];
        return [.. new[] { "src", "tests", "bench" }.SelectMany(Projects).Where(project => !named.Contains(project))];
    }
}
