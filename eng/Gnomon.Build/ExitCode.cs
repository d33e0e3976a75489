namespace Gnomon.Build;

/// <summary>What ./build returns.</summary>
internal static class ExitCode
{
    public const int Success = 0;

    /// <summary>The code is at fault: it does not compile, a test fails, a mutant survives, the format is wrong.</summary>
    public const int Failure = 1;

    /// <summary>The command line is at fault.</summary>
    public const int Usage = 2;
}
