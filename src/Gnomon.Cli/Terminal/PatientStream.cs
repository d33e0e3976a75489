using System.Threading.Channels;

namespace Gnomon.Cli.Terminal;

/// <summary>
/// Writes to a stream that may take its time, on a thread of its own: who writes never waits. What does not fit in the room between is lost,
/// as on a serial line that nobody listens to.
/// </summary>
internal sealed class PatientStream : Stream
{
    /// <summary>How many bytes wait at most.</summary>
    public const int Room = 256 * 1024;

    private static readonly TimeSpan _patienceAtTheEnd = TimeSpan.FromMilliseconds(500);

    private readonly Channel<byte[]> _waiting = Channel.CreateUnbounded<byte[]>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Thread _writer;
    private int _waitingBytes;

    public PatientStream(Stream target)
    {
        _writer = new Thread(() => Pass(target)) { IsBackground = true, Name = "Console" };
        _writer.Start();
    }

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (Volatile.Read(ref _waitingBytes) + buffer.Length <= Room && _waiting.Writer.TryWrite(buffer.ToArray()))
        {
            Interlocked.Add(ref _waitingBytes, buffer.Length);
        }
    }

    /// <inheritdoc/>
    public override void Flush()
    {
        // It is on its way; to wait for it is what this stream is there to avoid.
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // Who reads gets the last words too; who does not keeps nobody waiting.
        if (disposing && _waiting.Writer.TryComplete())
        {
            _writer.Join(_patienceAtTheEnd);
        }

        base.Dispose(disposing);
    }

    private void Pass(Stream target)
    {
        try
        {
            while (_waiting.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            {
                while (_waiting.Reader.TryRead(out byte[]? bytes))
                {
                    target.Write(bytes);
                    Interlocked.Add(ref _waitingBytes, -bytes.Length);
                }
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // The other end has gone, and with it who could read.
            _waiting.Writer.TryComplete();
        }
    }
}
