namespace Gnomon.Devices.Tests.Pc;

/// <summary>One counter of an 8254, stepped tick by tick as the data sheet describes it.</summary>
internal sealed class PitModel
{
    private bool _counting;
    private bool _load;
    private bool _trigger;
    private bool _armed;
    private bool _odd;
    private int _first = -1;
    private int _loaded = 1;

    public int Mode { get; private set; } = 3;

    public int Access { get; private set; } = 3;

    public bool Bcd { get; private set; }

    public bool Gate { get; private set; }

    public bool Out { get; private set; } = true;

    public bool NullCount { get; private set; } = true;

    /// <summary>Whether the counting element holds what the control word and a count say, and not what was there before.</summary>
    public bool IsDefined { get; private set; }

    public int Element { get; private set; }

    private int Written { get; set; }

    private bool HasCount { get; set; }

    public void Control(int mode, int access, bool bcd)
    {
        (Mode, Access, Bcd) = (mode, access, bcd);
        (_counting, _load, _trigger, _armed, HasCount, IsDefined) = (false, false, false, false, false, false);
        NullCount = true;
        Out = mode != 0;
        _first = -1;
    }

    public void Write(int value)
    {
        if (Access == 3 && _first < 0)
        {
            _first = value;
            if (Mode == 0)
            {
                (_counting, _load, Out) = (false, false, false);
            }

            return;
        }

        int raw = Access switch
        {
            1 => value,
            2 => value << 8,
            _ => _first | (value << 8),
        };
        _first = -1;
        int number = Bcd ? int.Parse(raw.ToString("x4", System.Globalization.CultureInfo.InvariantCulture), System.Globalization.CultureInfo.InvariantCulture) : raw;
        Written = number != 0 ? number : Bcd ? 10_000 : 65_536;
        HasCount = true;
        NullCount = true;
        bool first = Mode is 2 or 3 && !_counting;
        _load |= Mode is 0 or 4 || first;
        if (Mode == 0)
        {
            (Out, _counting) = (false, false);
        }
    }

    public void Drive(bool gate)
    {
        _trigger |= gate && !Gate && HasCount && Mode is 1 or 2 or 3 or 5;
        Gate = gate;
        Out |= !gate && Mode is 2 or 3;
        Out |= Mode is 2 or 3 && _trigger;
    }

    public void Tick()
    {
        bool load = _load || _trigger;
        _load = false;
        _trigger = false;
        if (load)
        {
            Reload();
            _counting = true;
            _armed = true;
            Out = Mode is not (0 or 1);
            return;
        }

        if (Mode is 4 or 5)
        {
            Out = true;
        }

        if (!_counting || (!Gate && Mode is not (1 or 5)))
        {
            return;
        }

        switch (Mode)
        {
            case 2:
                Element--;
                if (Element == 0)
                {
                    Reload();
                }

                Out = Element != 1;
                break;
            case 3:
                StepSquareWave();
                break;
            default:
                Element--;
                if (Element == 0 && _armed)
                {
                    _armed = false;
                    Out = Mode is 0 or 1;
                }

                Element = Element < 0 ? (Bcd ? 9_999 : 65_535) : Element;
                break;
        }
    }

    private void StepSquareWave()
    {
        if (Element > 0)
        {
            Element -= 2;
            if (Element > 0 || (Out && _odd))
            {
                return;
            }
        }

        Out = !Out;
        Reload();
    }

    private void Reload()
    {
        _loaded = Written;
        NullCount = false;
        IsDefined = true;
        _odd = _loaded % 2 == 1;
        Element = Mode == 3 && _odd ? _loaded - 1 : _loaded;
    }
}
