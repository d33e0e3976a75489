using CsCheck;
using Gnomon.Devices.Tests.Fixture;

namespace Gnomon.Devices.Tests.Pc;

/// <summary>The keyboard controller, as kernels probe it: every wait ends at once.</summary>
public sealed class KeyboardControllerTests
{
    private readonly TestLine _line = new();
    private readonly PortBus _ports = new();
    private readonly KeyboardController _controller;
    private int _resets;

    public KeyboardControllerTests()
    {
        _controller = new KeyboardController(_line, () => _resets++);
        _controller.MapTo(_ports);
    }

    [Theory]
    [InlineData(0xAA, 0x55)]
    [InlineData(0xAB, 0x00)]
    [InlineData(0xA9, 0x01)] // the clock line of the mouse is stuck: there is none
    [InlineData(0xD0, 0x03)]
    public void Command_WithAnAnswer_IsAnsweredAtOnce(int command, int answer)
    {
        Command(command);
        Assert.Equal(0x1D, Status); // output full, system, command, not locked; never input full
        Assert.Equal(answer, Data);
        Assert.Equal(0x1C, Status);
    }

    [Fact]
    public void CommandByte_ReadsBackAndSwitchesTheInterrupt()
    {
        Command(0x60);
        Send(0x65);
        Command(0x20);
        Assert.True(_line.Level);
        Assert.Equal(0x65, Data);
        Assert.False(_line.Level);
        Command(0x60);
        Send(0x64);
        Command(0x20);
        Assert.False(_line.Level);
        Assert.Equal(0x64, Data);
    }

    [Fact]
    public void LoopOfTheMouse_ComesBackWithoutTheMark()
    {
        // Linux takes that for "no port for a mouse" and looks no further than the test of its lines.
        Command(0xD3);
        Send(0x5A);
        Assert.Equal(1, Status & 0x21);
        Assert.Equal(0x5A, Data);
    }

    [Fact]
    public void MouseOff_ShowsInTheCommandByte()
    {
        Command(0xA8);
        Command(0x20);
        Assert.Equal(0, Data & 0x20);
        Command(0xA7);
        Command(0x20);
        Assert.Equal(0x20, Data & 0x20);
    }

    [Fact]
    public void Keyboard_IdentifiesItself_TranslatedOrNot()
    {
        Assert.Equal([0xFA, 0xAB, 0x41], Ask(0xF2));
        Command(0x60);
        Send(0x24);
        Assert.Equal([0xFA, 0xAB, 0x83], Ask(0xF2));
    }

    [Fact]
    public void Keyboard_AnswersWhatADriverAsks()
    {
        Assert.Equal([0xFA, 0xAA], Ask(0xFF));
        Assert.Equal([0xEE], Ask(0xEE));
        Assert.Equal([0xFA], Ask(0xED));
        Assert.Equal([0xFA], Ask(0x07));
        Assert.Equal([0xFA], Ask(0xF0));
        Assert.Equal([0xFA], Ask(3));
        Assert.Equal([0xFA], Ask(0xF0));
        Assert.Equal([0xFA, 3], Ask(0));
        Assert.Equal([0xFA], Ask(0xF4));
        Assert.Equal([0xFE], Ask(0x00));
    }

    [Fact]
    public void Keyboard_EachByte_IsAnEdge()
    {
        Command(0x60);
        Send(0x65);
        Send(0xF2);
        Assert.Equal(1, _line.Raised);
        _ = Data;
        Assert.Equal(2, _line.Raised);
        _ = Data;
        Assert.Equal(3, _line.Raised);
        _ = Data;
        Assert.False(_line.Level);
    }

    [Fact]
    public void KeyboardOff_HoldsItsAnswerBack()
    {
        Send(0xF2);
        Assert.Equal(0xFA, Data);
        Command(0xAD);
        _ = Data; // the byte that had come already
        Assert.Equal(0, Status & 1);
        Command(0xAE);
        Assert.Equal(0x41, Data);
    }

    [Theory]
    [InlineData(0xFE, 1)]
    [InlineData(0xF0, 1)]
    [InlineData(0xFF, 0)]
    [InlineData(0xFD, 0)]
    [InlineData(0xEE, 0)]
    public void Pulse_OfTheResetBit_Resets(int command, int resets)
    {
        Command(command);
        Assert.Equal(resets, _resets);
    }

    [Fact]
    public void OutputPort_ResetAndA20()
    {
        Command(0xD1);
        Send(0x01);
        Assert.False(_controller.A20IsFree);
        Command(0xD1);
        Send(0x03);
        Assert.True(_controller.A20IsFree);
        Assert.Equal(0, _resets);
        Command(0xD1);
        Send(0x02);
        Assert.Equal(1, _resets);
    }

    [Fact]
    public void AnyUse_SavedAndLoaded_GoesOnLikeTheSaved() =>
        Gen.Select(Gen.Select(Gen.Int[0, 3], Gen.Byte).Array[1, 60], Gen.Int[0, 59]).Sample(
            (steps, at) =>
            {
                KeyboardControllerTests one = new();
                KeyboardControllerTests other = new();
                for (int i = 0; i < steps.Length; i++)
                {
                    if (i == at)
                    {
                        byte[] state = PortTester.Saved(one._controller);
                        other = new KeyboardControllerTests();
                        other._line.Level = one._line.Level;
                        PortTester.Load(other._controller, state);
                    }

                    Assert.Equal(one.Step(steps[i].Item1, steps[i].Item2), other.Step(steps[i].Item1, steps[i].Item2));
                    Assert.Equal(one._line.Level, other._line.Level);
                }
            },
            iter: TestSettings.Steps(2000));

    private int Status => _ports.In(0x64);

    private int Data => _ports.In(0x60);

    private void Command(int value) => _ports.Out(0x64, value);

    private void Send(int value) => _ports.Out(0x60, value);

    private List<int> Ask(int value)
    {
        Send(value);
        List<int> answer = [];
        while ((Status & 1) != 0)
        {
            answer.Add(Data);
        }

        return answer;
    }

    private int Step(int what, byte value)
    {
        switch (what)
        {
            case 0:
                Command(value);
                return Status;
            case 1:
                Send(value);
                return Status;
            default:
                return what == 2 ? Data : Status;
        }
    }
}
