using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Gnomon.Traces;

namespace Gnomon.Cli;

/// <summary>Options whose values are checked with sentences of our own.</summary>
internal static class OptionParsers
{
    /// <summary>A number in a range; its default is 0.</summary>
    public static Option<int> Number(string name, string help, string description, int least, int most) => new(name)
    {
        Description = description,
        HelpName = help,
        CustomParser = result => (int)(Parse(result, least, most) ?? 0),
    };

    /// <summary>A number in a range, or nothing.</summary>
    public static Option<int?> OptionalNumber(string name, string help, string description, int least, int most) => new(name)
    {
        Description = description,
        HelpName = help,
        CustomParser = result => (int?)Parse(result, least, most),
    };

    /// <summary>A number of 64 bits in a range, or nothing.</summary>
    public static Option<long?> OptionalLong(string name, string help, string description, long least, long most) => new(name)
    {
        Description = description,
        HelpName = help,
        CustomParser = result => Parse(result, least, most),
    };

    /// <summary>One value of an enumeration, in lower case, or nothing.</summary>
    public static Option<T?> Choice<T>(string name, string description)
        where T : struct, Enum
    {
        Dictionary<string, T> values = Enum.GetValues<T>().ToDictionary(value => Words(value.ToString()));
        Option<T?> option = new(name)
        {
            Description = description,
            HelpName = string.Join('|', values.Keys),
            CustomParser = result =>
            {
                if (values.TryGetValue(result.Tokens[0].Value, out T value))
                {
                    return value;
                }

                result.AddError($"{name} cannot be '{result.Tokens[0].Value}'; it is one of {string.Join(", ", values.Keys)}");
                return null;
            },
        };
        option.CompletionSources.Add([.. values.Keys]);
        return option;
    }

    /// <summary>A replacement policy, or nothing.</summary>
    public static Option<TracePolicy?> Policy(string name, string description)
    {
        Option<TracePolicy?> option = new(name)
        {
            Description = description,
            HelpName = "lru|clock|random[:SEED]",
            CustomParser = result =>
            {
                string word = result.Tokens[0].Value;
                if (TracePolicy.TryParse(word == "random" ? "random:1" : word, out TracePolicy policy))
                {
                    return policy;
                }

                result.AddError($"{name} cannot be '{result.Tokens[0].Value}'; it is one of lru, clock, random or random:SEED");
                return null;
            },
        };
        option.CompletionSources.Add("lru", "clock", "random:1");
        return option;
    }

    /// <summary>Ranges of addresses, any number of them.</summary>
    public static Option<AddressRange[]> Ranges(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "0xA-0xB",
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = false,
        CustomParser = result =>
        {
            List<AddressRange> ranges = [];
            foreach (Token token in result.Tokens)
            {
                if (AddressRange.TryParse(token.Value, out AddressRange range))
                {
                    ranges.Add(range);
                }
                else
                {
                    result.AddError($"{name} cannot be '{token.Value}'; write a range such as 0x400000-0x800000, its end at most 0x100000000");
                }
            }

            return [.. ranges];
        },
    };

    /// <summary>Makes what looks like an unknown option an error instead of a file.</summary>
    public static void RefuseOptions(Argument argument) => argument.Validators.Add(result =>
    {
        Token? option = result.Tokens.FirstOrDefault(token => token.Value.Length > 1 && token.Value[0] == '-');
        if (option is not null)
        {
            result.AddError($"there is no option '{option.Value}' here (a file of that name is written ./{option.Value})");
        }
    });

    /// <summary>A name in several words, as an option writes it: TwoLevel is two-level.</summary>
    private static string Words(string name) =>
        string.Concat(name.Select((c, i) => char.IsUpper(c) ? $"{(i > 0 ? "-" : "")}{char.ToLowerInvariant(c)}" : $"{c}"));

    private static long? Parse(ArgumentResult result, long least, long most)
    {
        string word = result.Tokens[0].Value;
        if (TraceNumber.TryParse(word, out ulong value) && value >= (ulong)least && value <= (ulong)most)
        {
            return (long)value;
        }

        string range = most is int.MaxValue or long.MaxValue ? $"of at least {least}" : $"from {least} to {most}";
        result.AddError(string.Create(CultureInfo.InvariantCulture, $"'{word}' will not do; a number {range} is needed"));
        return null;
    }
}
