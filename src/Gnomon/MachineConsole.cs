using System.Text;
using Gnomon.Devices;

namespace Gnomon;

/// <summary>The terminal of a machine: what the guest writes, and what is typed to it. Any thread may use it.</summary>
public sealed class MachineConsole : IConsoleOutput
{
    /// <summary>How many bytes of output are kept at least; older ones are forgotten.</summary>
    public const int HistoryBytes = 4 << 20;

    private readonly Lock _gate = new();
    private readonly Action _wake;
    private readonly Func<bool> _isRunning;
    private readonly Queue<byte[]> _input = new();
    private readonly List<Watch> _watches = [];
    private byte[] _output = new byte[4096];
    private int _count;
    private int _seen;
    private int _inputTaken;
    private bool _inputClosed;
    private bool _over;
    private (ushort Columns, ushort Rows)? _newSize;

    internal MachineConsole(Action wake, Func<bool> isRunning) => (_wake, _isRunning) = (wake, isRunning);

    /// <summary>The guest has written something. Called on the thread that runs the guest, while it runs: the handler must be quick, and must not
    /// look at the machine. An <see cref="IOException"/> out of it is a failure of the host (<see cref="Machine.HostFailed"/>).</summary>
    public event Action<ReadOnlyMemory<byte>>? Written;

    /// <summary>What the guest has written so far, as UTF-8; at least its last <see cref="HistoryBytes"/> bytes.</summary>
    public string Output
    {
        get
        {
            lock (_gate)
            {
                return Encoding.UTF8.GetString(_output, 0, _count);
            }
        }
    }

    /// <summary>Whether everything typed so far has been taken by the guest's device.</summary>
    public bool IsInputTaken
    {
        get
        {
            lock (_gate)
            {
                return _input.Count == 0;
            }
        }
    }

    /// <summary>Whether there will be no more input.</summary>
    public bool IsInputClosed
    {
        get
        {
            lock (_gate)
            {
                return _inputClosed;
            }
        }
    }

    /// <summary>Types text, as UTF-8. It waits until the guest takes it.</summary>
    /// <exception cref="InvalidOperationException">The input was closed.</exception>
    public void Type(string text) => Type(Encoding.UTF8.GetBytes(text));

    /// <summary>Types bytes. They wait until the guest takes them.</summary>
    /// <exception cref="InvalidOperationException">The input was closed.</exception>
    public void Type(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            if (_inputClosed)
            {
                throw new InvalidOperationException("The console's input was closed.");
            }

            if (bytes.Length > 0)
            {
                _input.Enqueue(bytes.ToArray());
            }
        }

        _wake();
    }

    /// <summary>Nothing will be typed any more: a guest that waits for input alone has ended.</summary>
    public void CloseInput()
    {
        lock (_gate)
        {
            _inputClosed = true;
        }

        _wake();
    }

    /// <summary>The terminal has another size.</summary>
    /// <param name="columns">Its width in characters.</param>
    /// <param name="rows">Its height in characters.</param>
    public void Resize(ushort columns, ushort rows)
    {
        lock (_gate)
        {
            _newSize = (columns, rows);
        }

        _wake();
    }

    /// <summary>Waits until the guest has written a text behind what was waited for last. The machine must run on its own thread; where
    /// it does not, <see cref="Machine.Run"/> takes a text as well.</summary>
    /// <param name="text">The text.</param>
    /// <param name="timeout">How long, in the host's time; <see cref="Timeout.InfiniteTimeSpan"/> for as long as it takes.</param>
    /// <returns>False when the time is over, or the machine has ended or was paused.</returns>
    /// <exception cref="InvalidOperationException">The text is not there, and the machine does not run.</exception>
    public bool WaitForText(string text, TimeSpan timeout)
    {
        ArgumentException.ThrowIfNullOrEmpty(text);
        using Watch watch = Begin(text, static () => { });
        if (!watch.IsFound && !_isRunning())
        {
            // It may have ended just now, with the text.
            return watch.IsFound || (_over ? false : throw new InvalidOperationException("The machine does not run, so no text will come: start it first."));
        }

        return watch.Wait(timeout);
    }

    /// <inheritdoc/>
    void IConsoleOutput.Write(ReadOnlySpan<byte> bytes)
    {
        byte[] copy = bytes.ToArray();
        lock (_gate)
        {
            Append(copy);
            foreach (Watch watch in _watches.ToArray())
            {
                Look(watch);
            }
        }

        Written?.Invoke(copy);
    }

    /// <summary>Begins to look for a text.</summary>
    /// <param name="text">The text; it counts as waited for when it is found.</param>
    /// <param name="found">Called once, with the lock held: at once when the text is there already.</param>
    internal Watch Begin(string text, Action found)
    {
        Watch watch = new(this, Encoding.UTF8.GetBytes(text), found);
        lock (_gate)
        {
            watch.From = _seen;
            _watches.Add(watch);
            Look(watch);
        }

        return watch;
    }

    /// <summary>No text will come for now; whoever waits is told.</summary>
    internal void GiveUp(bool over)
    {
        lock (_gate)
        {
            _over |= over;
            foreach (Watch watch in _watches)
            {
                watch.Stop();
            }
        }
    }

    /// <summary>Hands the device what was typed and the new size. With the guest's lock held.</summary>
    /// <returns>Whether there was anything that it took.</returns>
    internal bool Deliver(GuestParts parts)
    {
        bool any = false;
        while (true)
        {
            byte[]? next;
            (ushort Columns, ushort Rows)? size;
            lock (_gate)
            {
                (size, _newSize) = (_newSize, null);
                next = _input.TryPeek(out byte[]? bytes) ? bytes : null;
            }

            if (size is { } now)
            {
                parts.Resize(now.Columns, now.Rows);
                any = true;
            }

            if (next is null)
            {
                return any;
            }

            int taken = parts.Type(next.AsSpan(_inputTaken));
            any |= taken > 0;
            _inputTaken += taken;
            if (_inputTaken < next.Length)
            {
                return any;
            }

            _inputTaken = 0;
            lock (_gate)
            {
                _input.Dequeue();
            }
        }
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        if (_count + bytes.Length > 2 * HistoryBytes)
        {
            int dropped = Math.Max(0, _count - HistoryBytes);
            _output.AsSpan(dropped, _count - dropped).CopyTo(_output);
            _count -= dropped;
            _seen = Math.Max(0, _seen - dropped);
            foreach (Watch watch in _watches)
            {
                watch.From = Math.Max(0, watch.From - dropped);
            }
        }

        if (_count + bytes.Length > _output.Length)
        {
            Array.Resize(ref _output, Math.Max(_count + bytes.Length, 2 * _output.Length));
        }

        bytes.CopyTo(_output.AsSpan(_count));
        _count += bytes.Length;
    }

    private void Look(Watch watch)
    {
        int at = watch.IsFound ? -1 : _output.AsSpan(watch.From, _count - watch.From).IndexOf(watch.Text);
        if (at >= 0)
        {
            _seen = Math.Max(_seen, watch.From + at + watch.Text.Length);
            watch.Find();
        }
        else
        {
            // The text may have begun.
            watch.From = Math.Max(watch.From, _count - watch.Text.Length + 1);
        }
    }

    /// <summary>Somebody who looks for a text.</summary>
    internal sealed class Watch(MachineConsole console, byte[] text, Action found) : IDisposable
    {
        private readonly ManualResetEventSlim _over = new();
        private volatile bool _isFound;

        public byte[] Text { get; } = text;

        /// <summary>Where to look on.</summary>
        public int From { get; set; }

        public bool IsFound => _isFound;

        public void Find()
        {
            _isFound = true;
            found();
            _over.Set();
        }

        public void Stop() => _over.Set();

        public bool Wait(TimeSpan timeout)
        {
            _over.Wait(timeout);
            return _isFound;
        }

        public void Dispose()
        {
            lock (console._gate)
            {
                console._watches.Remove(this);
            }

            _over.Dispose();
        }
    }
}
