namespace Gnomon.Monitor;

/// <summary>A kernel or initrd that cannot be loaded. The message is one sentence that says why.</summary>
public sealed class KernelFormatException : Exception
{
    /// <summary>A file that cannot be loaded.</summary>
    /// <param name="message">One sentence that says why.</param>
    public KernelFormatException(string message)
        : base(message)
    {
    }
}
