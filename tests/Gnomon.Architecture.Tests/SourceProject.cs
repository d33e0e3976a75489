using System.Reflection;
using System.Xml.Linq;

namespace Gnomon.Architecture.Tests;

/// <summary>A project under src/: its file, and the assembly built from it.</summary>
internal sealed class SourceProject
{
    private readonly XDocument _xml;

    private SourceProject(string file)
    {
        File = file;
        Name = Path.GetFileNameWithoutExtension(file);
        _xml = XDocument.Load(Source.PathTo(file));
        string assembly = _xml.Descendants("AssemblyName").Select(element => element.Value).FirstOrDefault() ?? Name;
        Assembly = Assembly.LoadFrom(Path.Combine(AppContext.BaseDirectory, assembly + ".dll"));
    }

    public static IReadOnlyList<SourceProject> All { get; } =
        [.. Source.Files.Where(file => file.StartsWith("src/", StringComparison.Ordinal) && file.EndsWith(".csproj", StringComparison.Ordinal))
            .Select(file => new SourceProject(file))];

    public static IEnumerable<SourceProject> Libraries => All.Where(project => !project.IsProgram);

    public string File { get; }

    public string Name { get; }

    public Assembly Assembly { get; }

    public bool IsProgram => _xml.Descendants("OutputType").Any(element => element.Value == "Exe");

    /// <summary>The names of the projects that the project file references.</summary>
    public IEnumerable<string> ProjectReferences =>
        _xml.Descendants("ProjectReference").Select(element => Path.GetFileNameWithoutExtension((string)element.Attribute("Include")!));

    /// <summary>The names of the house's projects that the compiled assembly references.</summary>
    public IEnumerable<string> AssemblyReferences
    {
        get
        {
            HashSet<string?> names = [.. Assembly.GetReferencedAssemblies().Select(reference => reference.Name)];
            return All.Where(project => names.Contains(project.Assembly.GetName().Name)).Select(project => project.Name);
        }
    }

    /// <summary>The types that somebody wrote, not those of the compiler or a source generator.</summary>
    public IEnumerable<Type> OwnTypes => Assembly.GetTypes().Where(type => !Generated.Is(type));
}
