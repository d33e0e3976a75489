using Gnomon.Shadow;

namespace Gnomon.Traces;

/// <summary>How a mapping is written in traces and tables.</summary>
public static class LeafText
{
    /// <summary>The rights in four letters: <c>r</c>, <c>w</c> or <c>-</c>, <c>x</c> or <c>-</c>, <c>u</c> or <c>k</c>.</summary>
    public static string Rights(bool writable, bool executable, bool user) => string.Create(4, (writable, executable, user), static (text, has) =>
    {
        text[0] = 'r';
        text[1] = has.writable ? 'w' : '-';
        text[2] = has.executable ? 'x' : '-';
        text[3] = has.user ? 'u' : 'k';
    });

    /// <summary>The rights of a leaf.</summary>
    public static string Rights(this ShadowLeaf leaf) => Rights(leaf.Writable, leaf.Executable, leaf.User);

    /// <summary>A leaf as <c>dump</c> prints it, not indented: <c>0xGVA 0xGPA rw-u</c>.</summary>
    public static string ToTraceText(this ShadowLeaf leaf) =>
        $"{leaf.Address} {(leaf.IsSwitcher ? "switcher" : leaf.Page.Address.ToString())} {leaf.Rights()}";
}
