using System.Globalization;
using Gnomon.Shadow;

namespace Gnomon.Traces;

/// <summary>Which replacement policy a trace asks for.</summary>
public enum TracePolicyKind
{
    /// <summary>The least recently used address space goes.</summary>
    Lru,

    /// <summary>Second chance.</summary>
    Clock,

    /// <summary>Any, as the original did, from a seed.</summary>
    Random,
}

/// <summary>A replacement policy as a header names it: <c>lru</c>, <c>clock</c> or <c>random:SEED</c>.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Seed">The seed of <see cref="TracePolicyKind.Random"/>.</param>
public readonly record struct TracePolicy(TracePolicyKind Kind, uint Seed)
{
    /// <summary>Makes the policy's object, one for each guest.</summary>
    public IReplacementPolicy Create() => Kind switch
    {
        TracePolicyKind.Clock => new ClockPolicy(),
        TracePolicyKind.Random => new RandomPolicy(unchecked((int)Seed)),
        _ => new LruPolicy(),
    };

    /// <summary>Reads a policy's name.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out TracePolicy policy)
    {
        const string random = "random:";
        policy = default;
        if (text.SequenceEqual("lru"))
        {
            return true;
        }

        if (text.SequenceEqual("clock"))
        {
            policy = new TracePolicy(TracePolicyKind.Clock, 0);
            return true;
        }

        if (text.StartsWith(random, StringComparison.Ordinal)
            && TraceNumber.TryParse(text[random.Length..], out ulong seed) && seed <= uint.MaxValue)
        {
            policy = new TracePolicy(TracePolicyKind.Random, (uint)seed);
            return true;
        }

        return false;
    }

    /// <inheritdoc/>
    public override string ToString() => Kind switch
    {
        TracePolicyKind.Clock => "clock",
        TracePolicyKind.Random => string.Create(CultureInfo.InvariantCulture, $"random:{Seed}"),
        _ => "lru",
    };
}
