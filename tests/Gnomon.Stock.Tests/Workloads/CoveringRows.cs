namespace Gnomon.Stock.Tests.Workloads;

/// <summary>Few rows in which each combination of the values of any few factors occurs.</summary>
internal static class CoveringRows
{
    /// <summary>Chooses the rows: again and again the first of those that have the most combinations which no row has so far.</summary>
    /// <param name="sizes">How many values each factor has.</param>
    /// <param name="strength">How many factors are combined.</param>
    public static List<int[]> Choose(IReadOnlyList<int> sizes, int strength)
    {
        List<int[]> all = [[]];
        foreach (int size in sizes)
        {
            all = [.. all.SelectMany(row => Enumerable.Range(0, size).Select(value => (int[])[.. row, value]))];
        }

        int[][] choices = [.. Subsets(sizes.Count, strength)];
        HashSet<string> missing = [.. all.SelectMany(row => choices.Select(choice => Key(row, choice)))];
        List<int[]> rows = [];
        while (missing.Count > 0)
        {
            int[] best = all.MaxBy(row => choices.Count(choice => missing.Contains(Key(row, choice))))!;
            rows.Add(best);
            missing.ExceptWith(choices.Select(choice => Key(best, choice)));
        }

        return rows;
    }

    private static string Key(int[] row, int[] choice) => string.Join(',', choice.Select(factor => $"{factor}:{row[factor]}"));

    private static IEnumerable<int[]> Subsets(int count, int size, int from = 0)
    {
        if (size == 0)
        {
            yield return [];
            yield break;
        }

        for (int i = from; i <= count - size; i++)
        {
            foreach (int[] rest in Subsets(count, size - 1, i + 1))
            {
                yield return [i, .. rest];
            }
        }
    }
}
