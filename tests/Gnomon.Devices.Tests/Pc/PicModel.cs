namespace Gnomon.Devices.Tests.Pc;

/// <summary>
/// Two 8259As as the data sheet tells of them, slowly: each request, each service and each priority is an entry of a list, and the
/// next interrupt is found by walking the inputs in the order of their priorities.
/// </summary>
internal sealed class PicModel
{
    public Chip Master { get; } = new() { Cascade = 2 };

    public Chip Slave { get; } = new();

    public bool Output
    {
        get
        {
            Connect();
            return Master.Next() is not null;
        }
    }

    public int Acknowledge()
    {
        Connect();
        int? input = Master.Next();
        if (input is null)
        {
            return Master.Base + 7;
        }

        Master.Serve(input.Value);
        if (input != 2)
        {
            return Master.Base + input.Value;
        }

        int? inner = Slave.Next();
        if (inner is int level)
        {
            Slave.Serve(level);
        }

        // The slave's output goes down with each acknowledgement.
        Master.Drive(2, false);
        Connect();
        return Slave.Base + (inner ?? 7);
    }

    public void Line(int irq, bool up)
    {
        (irq < 8 ? Master : Slave).Drive(irq % 8, up);
        Connect();
    }

    public void Connect() => Master.Drive(2, Slave.Next() is not null);

    internal sealed class Chip
    {
        private readonly bool[] _line = new bool[8];
        private readonly bool[] _request = new bool[8];
        private readonly bool[] _service = new bool[8];
        private readonly List<int> _order = [0, 1, 2, 3, 4, 5, 6, 7];

        public int Cascade { get; init; } = -1;

        public int Base { get; set; }

        public bool[] Mask { get; } = new bool[8];

        public bool[] Level { get; } = new bool[8];

        public bool AutoEoi { get; set; }

        public bool FullyNested { get; set; }

        public bool SpecialMask { get; set; }

        public bool RotateOnAutoEoi { get; set; }

        public byte Requests => Bits(_request);

        public byte InService => Bits(_service);

        public void Drive(int input, bool up)
        {
            bool rose = up && !_line[input];
            _line[input] = up;
            _request[input] = up && (rose || _request[input]);
        }

        public int? Next()
        {
            foreach (int input in _order)
            {
                bool wanted = _request[input] && !Mask[input];
                bool served = _service[input] && !(SpecialMask && Mask[input]);
                if (served)
                {
                    return wanted && FullyNested && input == Cascade ? input : null;
                }

                if (wanted)
                {
                    return input;
                }
            }

            return null;
        }

        public void Serve(int input)
        {
            _request[input] = Level[input] && _line[input];
            _service[input] |= !AutoEoi;
            if (AutoEoi && RotateOnAutoEoi)
            {
                Lowest(input);
            }
        }

        public void EndNonSpecific(bool rotate)
        {
            foreach (int input in _order.ToArray())
            {
                if (_service[input] && !(SpecialMask && Mask[input]))
                {
                    End(input, rotate);
                    return;
                }
            }
        }

        public void End(int input, bool rotate)
        {
            _service[input] = false;
            if (rotate)
            {
                Lowest(input);
            }
        }

        public void Lowest(int input)
        {
            while (_order[7] != input)
            {
                _order.Add(_order[0]);
                _order.RemoveAt(0);
            }
        }

        private static byte Bits(bool[] values) => (byte)Enumerable.Range(0, 8).Sum(i => values[i] ? 1 << i : 0);
    }
}
