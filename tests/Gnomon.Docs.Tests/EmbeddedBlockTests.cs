using Gnomon.Docs.Tests.Blocks;
using Gnomon.Docs.Tests.Faults;

namespace Gnomon.Docs.Tests;

/// <summary>What the documents print is what the programs print. GNOMON_APPROVE=1 writes it into the documents instead.</summary>
public sealed class EmbeddedBlockTests
{
    public static TheoryData<string> DocumentsWithBlocks => [.. Documents.All.Where(document => Block.In(document).Any())];

    [Theory]
    [MemberData(nameof(DocumentsWithBlocks))]
    public void Block_RunAgain_PrintsWhatTheDocumentShows(string document)
    {
        Block[] blocks = [.. Block.In(document)];
        string[] now = [.. blocks.Select(Generate)];
        if (Environment.GetEnvironmentVariable("GNOMON_APPROVE") == "1")
        {
            File.WriteAllText(Documents.PathTo(document), Block.Rewrite(Documents.Read(document), number => now[number]));
            return;
        }

        for (int number = 0; number < blocks.Length; number++)
        {
            Assert.True(
                now[number] == blocks[number].Content,
                $"{blocks[number]}: the block is out of date; GNOMON_APPROVE=1 ./build test Docs writes it again. Now:\n{now[number]}");
        }
    }

    [Fact]
    public void Trace_OfTheJourney_IsShownInAChapter()
    {
        string chapters = string.Concat(Documents.All.Where(document => document.StartsWith("docs/journey/", StringComparison.Ordinal)).Select(Documents.Read));
        string[] unknown =
        [
            .. Directory.EnumerateFiles(Documents.PathTo("docs/journey/traces")).Select(Path.GetFileName)
                .Where(trace => !chapters.Contains($"traces/{trace}", StringComparison.Ordinal))!,
        ];
        Documents.AssertNone(unknown);
    }

    private static string Generate(Block block) => block.Kind switch
    {
        "listing" => Listing.Of(block.Argument),
        "fault" => FaultStory.Of(block.Argument),
        "console" => ConsoleRun.Of(block.Content),
        "tests" => string.Join('\n', [.. TestMethods.StartingWith(block.Argument), .. MutantList.NoticedBy(block.Argument)]),
        "mutants" => MutantList.Text(),
        _ => SourceText.Of(block.Argument),
    };
}
