using System.Collections.Immutable;
using System.Reflection;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;
using Microsoft.CodeAnalysis.Text;

namespace Gnomon.Build.Mutants;

/// <summary>
/// A project, parsed once; then compiled in this process with some files changed. Its source generators run as in the real build;
/// its analyzers do not, and warnings do not stop a mutant.
/// </summary>
internal sealed class ProjectCompiler
{
    private readonly CSharpCompilation _compilation;
    private readonly GeneratorDriver _generators;
    private readonly Dictionary<string, SyntaxTree> _trees;
    private readonly ResourceDescription[] _resources;

    public ProjectCompiler(Repository repository, string projectFile)
    {
        string directory = Path.GetDirectoryName(projectFile)!;
        CSharpCommandLineArguments arguments = CSharpCommandLineParser.Default.Parse(
            CompilerArguments.Of(repository, projectFile), directory, sdkDirectory: null);
        CSharpParseOptions parsing = arguments.ParseOptions.WithDocumentationMode(DocumentationMode.None);

        _trees = arguments.SourceFiles.ToDictionary(
            file => Path.GetFullPath(file.Path),
            file => CSharpSyntaxTree.ParseText(SourceText.From(File.ReadAllText(file.Path), Encoding.UTF8), parsing, file.Path));
        _compilation = CSharpCompilation.Create(
            arguments.CompilationName,
            _trees.Values,
            arguments.MetadataReferences.Select(reference => MetadataReference.CreateFromFile(reference.Reference, reference.Properties)),
            arguments.CompilationOptions
                .WithGeneralDiagnosticOption(ReportDiagnostic.Default)
                .WithSpecificDiagnosticOptions(ImmutableDictionary<string, ReportDiagnostic>.Empty));
        _resources = [.. arguments.ManifestResources];

        AnalyzerLoader loader = new();
        ISourceGenerator[] generators = [.. arguments.AnalyzerReferences
            .SelectMany(reference => new AnalyzerFileReference(Path.GetFullPath(reference.FilePath, directory), loader).GetGenerators(LanguageNames.CSharp))];
        _generators = CSharpGeneratorDriver.Create(generators, parseOptions: parsing).RunGenerators(_compilation);
        AssemblyFile = arguments.CompilationName + ".dll";
    }

    /// <summary>The name of the assembly's file, without a directory.</summary>
    public string AssemblyFile { get; }

    /// <summary>The assembly with other texts for some files (by full path); fails if it does not compile.</summary>
    public byte[] Compile(IReadOnlyDictionary<string, string> changed)
    {
        CSharpCompilation compilation = _compilation;
        foreach ((string path, string text) in changed)
        {
            if (!_trees.TryGetValue(path, out SyntaxTree? tree))
            {
                throw new MutantException($"{path} is not compiled by {_compilation.AssemblyName}");
            }

            compilation = compilation.ReplaceSyntaxTree(tree, tree.WithChangedText(SourceText.From(text, Encoding.UTF8)));
        }

        _generators.RunGeneratorsAndUpdateCompilation(compilation, out Compilation complete, out _);
        using MemoryStream assembly = new();
        var result = complete.Emit(assembly, manifestResources: _resources);
        return result.Success
            ? assembly.ToArray()
            : throw new MutantException("it does not compile: " + string.Join("; ", result.Diagnostics
                .Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error)
                .Take(3)
                .Select(Describe)));
    }

    private static string Describe(Diagnostic diagnostic)
    {
        FileLinePositionSpan place = diagnostic.Location.GetLineSpan();
        return $"{Path.GetFileName(place.Path)}:{place.StartLinePosition.Line + 1} {diagnostic.Id} {diagnostic.GetMessage(null)}";
    }

    private sealed class AnalyzerLoader : IAnalyzerAssemblyLoader
    {
        public void AddDependencyLocation(string fullPath)
        {
            // LoadFrom looks beside the assembly that asks.
        }

        public Assembly LoadFromPath(string fullPath) => Assembly.LoadFrom(fullPath);
    }
}
