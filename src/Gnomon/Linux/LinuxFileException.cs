namespace Gnomon.Linux;

/// <summary>A package, archive, module or disk that cannot be used. The message is one sentence that says why and, where it helps, what to do.</summary>
public sealed class LinuxFileException : Exception
{
    /// <summary>Something that cannot be used.</summary>
    /// <param name="message">One sentence that says why.</param>
    public LinuxFileException(string message)
        : base(message)
    {
    }

    /// <summary>Something that cannot be used, for a reason that another error gave.</summary>
    /// <param name="message">One sentence that says why.</param>
    /// <param name="cause">That error.</param>
    public LinuxFileException(string message, Exception cause)
        : base(message, cause)
    {
    }
}
