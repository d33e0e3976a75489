using System.Reflection;

namespace Gnomon.Architecture.Tests;

/// <summary>House rules that the compiled assemblies show.</summary>
public sealed class TypeTests
{
    private const BindingFlags StaticFields =
        BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    [Fact]
    public void StaticFields_NoneCanChange() =>
        Offenders.AreNone(
            from project in SourceProject.All
            from type in project.OwnTypes
            from field in type.GetFields(StaticFields)
            where !field.IsInitOnly && !field.IsLiteral && !IsCompilersOwn(field)
            select $"{type.FullName}.{field.Name}",
            "no mutable statics: two machines live in one process");

    [Fact]
    public void Classes_AreSealedStaticOrAbstract() =>
        Offenders.AreNone(
            from project in SourceProject.All
            from type in project.OwnTypes
            where type.IsClass && !type.IsSealed && !type.IsAbstract
            select type.FullName,
            "a class is sealed, static or abstract");

    /// <summary>A cached delegate; but the field behind a static auto-property is ours.</summary>
    private static bool IsCompilersOwn(FieldInfo field) =>
        field.Name.Contains('<') && !field.Name.EndsWith("k__BackingField", StringComparison.Ordinal);
}
