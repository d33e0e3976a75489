namespace Gnomon.Build.Mutants;

internal enum Verdict
{
    /// <summary>A named test failed, or the test program crashed or ran out of time: the fault is noticed.</summary>
    Killed,

    /// <summary>All named tests passed in spite of the fault.</summary>
    Survived,

    /// <summary>It could not be tried: it does not apply or compile, or a named test is missing or fails by itself.</summary>
    Broken,

    /// <summary>All named tests are skipped on this machine, for want of an oracle.</summary>
    Skipped,
}

/// <param name="Detail">By what it was killed, or why it was not.</param>
internal sealed record MutantResult(string Name, Verdict Verdict, string Detail, TimeSpan Time);
