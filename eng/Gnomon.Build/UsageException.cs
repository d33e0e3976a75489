namespace Gnomon.Build;

/// <summary>The command line of ./build cannot be understood.</summary>
internal sealed class UsageException(string message) : Exception(message);
