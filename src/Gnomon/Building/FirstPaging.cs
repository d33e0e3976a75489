using Gnomon.Memory;
using Gnomon.Shadow;

namespace Gnomon;

/// <summary>Passes everything on, and puts something in between when the guest loads its first page table.</summary>
/// <param name="inner">The shadow tables.</param>
/// <param name="between">Makes what comes in between, which passes everything on as well; null for nothing.</param>
internal sealed class FirstPaging(IShadowMmu inner, Func<IShadowMmu, IShadowMmu?> between) : ShadowObserver(inner)
{
    private bool _paged;

    /// <inheritdoc/>
    public override bool LoadPageTable(int cpu, Gpa directory)
    {
        if (!_paged)
        {
            _paged = true;
            Inner = between(Inner) ?? Inner;
        }

        return base.LoadPageTable(cpu, directory);
    }
}
