using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Fixture;

/// <summary>The host once more, in the place of a tested processor; <paramref name="spoil"/> puts a fault into its results.</summary>
internal sealed class SecondHost(HostProcessor host, SecondHost.Spoil? spoil = null) : ITestedProcessor
{
    public delegate void Spoil(in InstructionCase c, ref CaseResult result);

    public void Run(in InstructionCase c, ref CaseResult r)
    {
        r = host.Run(c);
        spoil?.Invoke(c, ref r);
    }
}
