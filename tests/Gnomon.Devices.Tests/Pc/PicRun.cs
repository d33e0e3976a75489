namespace Gnomon.Devices.Tests.Pc;

/// <summary>The controllers and their model side by side, driven by the same steps.</summary>
internal sealed class PicRun
{
    private readonly PicModel _model = new();
    private readonly bool[] _up = new bool[16];
    private DualPic _pic = new();
    private PortBus _ports = new();

    public PicRun()
    {
        _pic.MapTo(_ports);
        SetUp(0);
    }

    public static void Initialise(PortBus ports, int masterIcw4, int slaveIcw4)
    {
        foreach ((int port, int value) in (ReadOnlySpan<(int, int)>)
            [(0x20, 0x11), (0x21, 0x30), (0x21, 0x04), (0x21, masterIcw4), (0xA0, 0x11), (0xA1, 0x38), (0xA1, 0x02), (0xA1, slaveIcw4)])
        {
            ports.Out(port, value);
        }
    }

    public void Step(int what, int irq, bool slave, int value)
    {
        PicModel.Chip chip = slave ? _model.Slave : _model.Master;
        int port = slave ? 0xA0 : 0x20;
        int level = irq & 7;
        switch (what)
        {
            case 0:
                Assert.Equal(_model.Acknowledge(), _pic.Acknowledge());
                break;
            case 1:
                _ports.Out(port + 1, value);
                for (int i = 0; i < 8; i++)
                {
                    chip.Mask[i] = (value >> i & 1) != 0;
                }

                break;
            case 2:
                _ports.Out(port, 0x20);
                chip.EndNonSpecific(rotate: false);
                break;
            case 3:
                _ports.Out(port, 0x60 | level);
                chip.End(level, rotate: false);
                break;
            case 4 when (value & 1) != 0:
                _ports.Out(port, 0xA0);
                chip.EndNonSpecific(rotate: true);
                break;
            case 4:
                _ports.Out(port, 0xE0 | level);
                chip.End(level, rotate: true);
                break;
            case 5:
                _ports.Out(port, 0xC0 | level);
                chip.Lowest(level);
                break;
            case 6:
                _ports.Out(port, (value & 1) != 0 ? 0x68 : 0x48);
                chip.SpecialMask = (value & 1) != 0;
                break;
            case 7:
                _ports.Out(port, (value & 1) != 0 ? 0x80 : 0);
                chip.RotateOnAutoEoi = (value & 1) != 0;
                break;
            case 8 when value < 8:
                SetUp(value);
                break;
            default:
                Toggle(irq == 2 ? 3 : irq);
                break;
        }

        _model.Connect();
    }

    public void Compare()
    {
        Assert.Equal(_model.Output, _pic.HasInterrupt);
        foreach ((int port, PicModel.Chip chip) in (ReadOnlySpan<(int, PicModel.Chip)>)[(0x20, _model.Master), (0xA0, _model.Slave)])
        {
            _ports.Out(port, 0x0A);
            Assert.Equal(chip.Requests, _ports.In(port));
            _ports.Out(port, 0x0B);
            Assert.Equal(chip.InService, _ports.In(port));
        }
    }

    public void MoveToALoadedPic()
    {
        byte[] state = PortTester.Saved(_pic);
        _pic = new DualPic();
        _ports = new PortBus();
        _pic.MapTo(_ports);
        PortTester.Load(_pic, state);
    }

    // Initialises both with some auto end of interrupt and special nesting, from quiet lines; lines 5 and 11 are levels.
    private void SetUp(int kind)
    {
        for (int irq = 0; irq < 16; irq++)
        {
            if (_up[irq])
            {
                Toggle(irq);
            }
        }

        Initialise(_ports, 1 | ((kind & 1) << 1) | ((kind & 4) << 2), 1 | (kind & 2));
        _pic.SetLevelTriggered((1 << 5) | (1 << 11));
        foreach (PicModel.Chip chip in (ReadOnlySpan<PicModel.Chip>)[_model.Master, _model.Slave])
        {
            Array.Clear(chip.Mask);
            chip.SpecialMask = false;
            chip.RotateOnAutoEoi = false;
            chip.Lowest(7);
            for (int i = 0; i < 8; i++)
            {
                chip.End(i, rotate: false);
            }
        }

        _model.Master.Base = 0x30;
        _model.Slave.Base = 0x38;
        _model.Master.Level[5] = true;
        _model.Slave.Level[3] = true;
        _model.Master.AutoEoi = (kind & 1) != 0;
        _model.Master.FullyNested = (kind & 4) != 0;
        _model.Slave.AutoEoi = (kind & 2) != 0;
    }

    private void Toggle(int irq)
    {
        _up[irq] = !_up[irq];
        _model.Line(irq, _up[irq]);
        if (_up[irq])
        {
            _pic.Line(irq).Raise();
        }
        else
        {
            _pic.Line(irq).Lower();
        }
    }
}
