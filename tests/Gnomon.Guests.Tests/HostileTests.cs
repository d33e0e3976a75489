using System.Text.RegularExpressions;
using Gnomon.Guests.Tests.Paper;

namespace Gnomon.Guests.Tests;

/// <summary>The hostile guest on the paper host: each attack has the end that its table says.</summary>
public sealed class HostileTests
{
    private const long Instructions = 20_000_000;

    public static TheoryData<string> Names => [.. AttackTable.All.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Attack_TwoLevel_EndsAsTheTableSays(string attack) => AssertEnd("hostile", false, attack);

    [Theory]
    [MemberData(nameof(Names))]
    public void Attack_Pae_EndsAsTheTableSays(string attack) => AssertEnd("hostile-pae", true, attack);

    [Theory]
    [InlineData("hostile", false)]
    [InlineData("hostile-pae", true)]
    public void List_OfTheImage_IsThatOfTheTable(string image, bool pae)
    {
        using PaperMachine machine = new(GuestImage.Bytes(image), pae, "attack=list");
        PaperEnd end = machine.Run(Instructions);
        Assert.Equal("hostile: list", end.Text);
        Assert.Equal(AttackTable.All.Keys.Order(), end.Console.Split('\n', StringSplitOptions.RemoveEmptyEntries).Order());
    }

    [Fact]
    public void Table_EachAttack_HasAnEndThatCanBeMissed()
    {
        Assert.True(AttackTable.All.Count >= 60);
        foreach (Attack attack in AttackTable.All.Values)
        {
            Assert.False(attack.Allows(killed: false, halted: false, $"hostile: {attack.Name} BREACH: ring 0"), attack.Name);
            Assert.All(attack.Ends, end => Assert.Matches(new Regex("^(survives|guest-fault|halts|killed: .+)$"), end));
            Assert.NotEmpty(attack.Sentence);
        }
    }

    private static void AssertEnd(string image, bool pae, string name)
    {
        using PaperMachine machine = new(GuestImage.Bytes(image), pae, "attack=" + name);
        PaperEnd end = machine.Run(Instructions);
        Assert.NotEqual("running", end.Kind);
        Attack attack = AttackTable.All[name];
        Assert.True(attack.Allows(end.Kind == "killed", end.Kind == "halted", end.Text), $"{end.Kind}: {end.Text}; expected {string.Join(" or ", attack.Ends)}\n{end.Console}");
    }
}
