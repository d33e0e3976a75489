using System.Xml.Linq;

namespace Gnomon.Architecture.Tests;

/// <summary>References point down only.</summary>
public sealed class ReferenceTests
{
    [Fact]
    public void Projects_All_HaveAPlaceInTheHouse() =>
        Offenders.AreNone(
            SourceProject.All.Select(project => project.Name).Where(name => !Layers.Know(name)),
            "give the project its place in Layers.cs");

    [Fact]
    public void ProjectFiles_References_PointDown() =>
        Offenders.AreNone(
            Upward(project => project.ProjectReferences),
            "a project references only what lies below it (Layers.cs)");

    [Fact]
    public void Assemblies_References_PointDown() =>
        Offenders.AreNone(
            Upward(project => project.AssemblyReferences),
            "an assembly uses only what lies below it (Layers.cs)");

    [Fact]
    public void ShadowAndCpu_NeverSeeEachOther()
    {
        Assert.DoesNotContain("Gnomon.Cpu", Layers.Below("Gnomon.Shadow"));
        Assert.DoesNotContain("Gnomon.Shadow", Layers.Below("Gnomon.Cpu"));
    }

    [Fact]
    public void Solution_NamesEveryProject()
    {
        HashSet<string> named = [.. XDocument.Load(Source.PathTo("Gnomon.slnx")).Descendants("Project").Select(project => (string)project.Attribute("Path")!)];
        string[] projects = [.. Source.Files.Where(file =>
            file.EndsWith(".csproj", StringComparison.Ordinal) && file.Split('/') is ["src" or "tests" or "bench", _, _])];
        Offenders.AreNone(projects.Where(project => !named.Contains(project)), "add the project to Gnomon.slnx");
    }

    private static IEnumerable<string> Upward(Func<SourceProject, IEnumerable<string>> references) =>
        from project in SourceProject.All
        where Layers.Know(project.Name)
        let below = Layers.Below(project.Name)
        from reference in references(project)
        where !below.Contains(reference)
        select $"{project.Name} -> {reference}";
}
