using System.CodeDom.Compiler;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Gnomon.Architecture.Tests;

/// <summary>Tells what the compiler or a source generator made.</summary>
internal static class Generated
{
    public static bool Is(Type type) =>
        Is((MemberInfo)type)
        || type.GetMethod("<Main>$", BindingFlags.Static | BindingFlags.NonPublic) is not null // top-level statements
        || (type.DeclaringType is { } outer && Is(outer));

    public static bool Is(MemberInfo member) =>
        member.Name.Contains('<')
        || member.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false)
        || member.IsDefined(typeof(GeneratedCodeAttribute), inherit: false)
        || member.GetCustomAttributesData().Any(attribute => attribute.AttributeType.Name == "EmbeddedAttribute");
}
