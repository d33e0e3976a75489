namespace Gnomon.Cli.Benchmarks;

/// <summary>Something to measure: it is set up once, then prepared and run again and again.</summary>
internal abstract class Batch : IDisposable
{
    /// <summary>How many operations one run does.</summary>
    public abstract int Operations { get; }

    /// <summary>Brings everything into the state that a run starts from; not timed.</summary>
    public virtual void Prepare()
    {
    }

    /// <summary>Does the operations; timed.</summary>
    public abstract void Run();

    /// <inheritdoc/>
    public abstract void Dispose();
}
