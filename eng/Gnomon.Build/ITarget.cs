namespace Gnomon.Build;

/// <summary>One thing that ./build can do.</summary>
internal interface ITarget
{
    string Name { get; }

    /// <summary>Arguments, as the help shows them.</summary>
    string Arguments => "";

    /// <summary>One sentence for the help.</summary>
    string Summary { get; }

    /// <summary>Does it; returns one of <see cref="ExitCode"/>.</summary>
    int Run(Repository repository, ReadOnlySpan<string> arguments);
}
