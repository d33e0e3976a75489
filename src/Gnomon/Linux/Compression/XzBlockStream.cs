namespace Gnomon.Linux.Compression;

/// <summary>The bytes of an xz file one after another. Blocks that come next are unpacked meanwhile, one for each processor.</summary>
internal sealed class XzBlockStream : Stream
{
    private const int MostAhead = 4;

    private readonly XzFile _file;
    private readonly Queue<Task<byte[]>> _ahead = new();
    private int _next;
    private byte[] _current = [];
    private int _at;

    /// <summary>Begins to unpack.</summary>
    public XzBlockStream(XzFile file) => _file = file;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => _file.Length;

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">A block is damaged.</exception>
    public override int Read(Span<byte> buffer)
    {
        while (_at == _current.Length)
        {
            while (_next < _file.BlockCount && _ahead.Count < Math.Clamp(Environment.ProcessorCount, 1, MostAhead))
            {
                int block = _next++;
                _ahead.Enqueue(Task.Run(() => _file.Unpack(block)));
            }

            if (!_ahead.TryDequeue(out Task<byte[]>? task))
            {
                return 0;
            }

            _current = task.GetAwaiter().GetResult();
            _at = 0;
        }

        int count = Math.Min(buffer.Length, _current.Length - _at);
        _current.AsSpan(_at, count).CopyTo(buffer);
        _at += count;
        return count;
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        // What was begun must not outlive the file.
        foreach (Task<byte[]> task in _ahead)
        {
            ((IAsyncResult)task).AsyncWaitHandle.WaitOne();
        }

        _ahead.Clear();
        base.Dispose(disposing);
    }
}
