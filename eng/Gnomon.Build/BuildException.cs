namespace Gnomon.Build;

/// <summary>A target cannot go on: the message says why, in words for whoever called ./build.</summary>
internal sealed class BuildException(string message) : Exception(message);
