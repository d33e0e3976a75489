using System.Globalization;
using System.Text;
using Gnomon.Cpu.Oracle.Tests.Coverage;
using Gnomon.Cpu.Oracle.Tests.Generation;
using Gnomon.Cpu.Oracle.Tests.Host;

namespace Gnomon.Cpu.Oracle.Tests.Comparison;

/// <summary>Runs many cases on the host and on a tested processor, and keeps account of both.</summary>
internal sealed class Campaign(HostProcessor host, ITestedProcessor tested)
{
    /// <summary>Failures of one instruction that are kept: the first is the one to look at.</summary>
    private const int KeptPerCode = 1;

    /// <summary>One case in so many is made of random bytes.</summary>
    private const ulong RandomBytesEvery = 32;

    private readonly CaseGenerator _generator = new();
    private readonly InstructionDecoder _decoder = new();
    private readonly Comparer _comparer = new();
    private readonly InstructionCase[] _batch = new InstructionCase[AddressMap.Slots];
    private readonly Dictionary<Code, (int Cases, int Faults, int Failed)> _counts = [];
    private readonly List<InstructionCase> _failures = [];
    private CaseResult _got = new() { Memory = new MemoryChanges() };

    /// <summary>The cases that differ, the first of each instruction.</summary>
    public IReadOnlyList<InstructionCase> Failures => _failures;

    /// <summary>Cases, faults and failures of each instruction so far.</summary>
    public IReadOnlyDictionary<Code, (int Cases, int Faults, int Failed)> Counts => _counts;

    /// <summary>Runs cases of these instructions by turns, from a seed on.</summary>
    public void Run(IReadOnlyList<Code> codes, ulong firstSeed, int cases)
    {
        for (int done = 0; done < cases;)
        {
            int count = Math.Min(_batch.Length, cases - done);
            for (int i = 0; i < count; i++)
            {
                ulong seed = firstSeed + (ulong)(done + i);
                _batch[i] = _generator.Make(seed % RandomBytesEvery == RandomBytesEvery - 1 ? Code.INVALID : codes[(int)(seed % (ulong)codes.Count)], seed);
            }

            host.Run(_batch.AsSpan(0, count), Compare);
            done += count;
        }
    }

    /// <summary>Whether the processors disagree on a case.</summary>
    public bool Differs(in InstructionCase c) => Differences(c).Count > 0;

    /// <summary>Runs one case and describes it, and the simplest that fails like it.</summary>
    public string Explain(in InstructionCase c)
    {
        var shrinker = new Shrinker((in InstructionCase candidate) => Differences(candidate).Count > 0);
        InstructionCase simplest = Differences(c).Count > 0 ? shrinker.Shrink(c) : c;
        var text = new StringBuilder(CaseText.Describe(c));
        if (!simplest.CodeSpan.SequenceEqual(c.CodeSpan) || !simplest.Context.Equals(c.Context))
        {
            text.Append("simpler: ").Append(CaseText.Describe(simplest));
        }

        CaseResult expected = host.Run(simplest);
        _got.Memory.Clear();
        tested.Run(simplest, ref _got);
        text.AppendLine(CultureInfo.InvariantCulture, $"  host:   {CaseText.Describe(simplest, expected)}");
        text.AppendLine(CultureInfo.InvariantCulture, $"  tested: {CaseText.Describe(simplest, _got)}");
        foreach (string difference in _comparer.Compare(simplest, expected, _got))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  * {difference}");
        }

        text.AppendLine(CultureInfo.InvariantCulture, $"  again: GNOMON_CASE={CaseText.Name(c)}");
        return text.ToString();
    }

    /// <summary>The table of the run: how many cases each instruction had, and how many of them faulted or failed.</summary>
    public string Table() => Table(Count, whole: true);

    /// <summary>A table of counts: of each category, and, if the whole is wanted, of each instruction.</summary>
    public static string Table(Func<Code, (int Cases, int Faults, int Failed)> count, bool whole)
    {
        var text = new StringBuilder();
        foreach (IGrouping<string, Code> category in Profile.Codes.GroupBy(Profile.Category).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"{category.Key}: {category.Count()} instructions, {category.Sum(code => count(code).Cases)} cases, "
                + $"{category.Sum(code => count(code).Faults)} faults, {category.Sum(code => count(code).Failed)} failed");
            foreach (Code code in whole ? category : Enumerable.Empty<Code>())
            {
                (int cases, int faults, int failed) = count(code);
                string line = NotCompared.Reason(code) is { } reason ? $"not compared: {reason}" : $"{cases,8} cases {faults,7} faults {failed,7} failed";
                text.AppendLine(CultureInfo.InvariantCulture, $"  {code,-32} {line}");
            }
        }

        return text.ToString();
    }

    private (int Cases, int Faults, int Failed) Count(Code code) => _counts.GetValueOrDefault(code);

    private IReadOnlyList<string> Differences(in InstructionCase c)
    {
        CaseResult expected = host.Run(c);
        _got.Memory.Clear();
        tested.Run(c, ref _got);
        return _comparer.Compare(c, expected, _got);
    }

    private void Compare(in InstructionCase c, in CaseResult expected)
    {
        _got.Memory.Clear();
        tested.Run(c, ref _got);
        bool failed = _comparer.Compare(c, expected, _got).Count > 0;
        Code code = c.Wanted == Code.INVALID ? _decoder.Strictly(c.CodeSpan, c.Context.Eip).Code : c.Wanted;
        (int cases, int faults, int failures) = Count(code);
        _counts[code] = (cases + 1, faults + (expected.Context.Trap == ProcessorContext.NoTrap ? 0 : 1), failures + (failed ? 1 : 0));
        if (failed && failures < KeptPerCode)
        {
            _failures.Add(c);
        }
    }
}
