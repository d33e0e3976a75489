using System.Buffers.Binary;

namespace Gnomon.Devices;

/// <summary>Takes what a guest writes to a console.</summary>
public interface IConsoleOutput
{
    /// <summary>Takes bytes; all of them. An <see cref="IOException"/> is noted and the bytes are lost.</summary>
    void Write(ReadOnlySpan<byte> bytes);
}

/// <summary>
/// The virtio console (virtio 1.0, 5.3): queue 0 brings input, queue 1 takes output; the configuration is columns, rows, a number of
/// ports (unused) and the emergency write, which works from the first instruction on, without a driver.
/// </summary>
public sealed class VirtioConsole : VirtioDevice
{
    /// <summary>How many bytes of input wait at most for the guest to take them.</summary>
    public const int InputLimit = 1 << 16;

    private const ulong SizeFeature = 1 << 0;
    private const ulong EmergencyWriteFeature = 1 << 2;
    private const int EmergencyWriteAt = 8;
    private const int ConfigBytes = 12;
    private const int InputQueue = 0;
    private const int OutputQueue = 1;
    private const uint OutputLimit = 16 << 20;

    private readonly IConsoleOutput _output;
    private readonly Queue<byte> _input = new();
    private readonly byte[] _buffer = new byte[4096];
    private ushort _columns;
    private ushort _rows;

    /// <summary>Makes a console.</summary>
    /// <param name="output">Takes what the guest writes.</param>
    /// <param name="columns">The terminal's width in characters; 0 when unknown.</param>
    /// <param name="rows">The terminal's height in characters; 0 when unknown.</param>
    public VirtioConsole(IConsoleOutput output, ushort columns = 0, ushort rows = 0)
        : base(3, "virtio-console", 0x07_80_00, queueCount: 2, ConfigBytes)
    {
        ArgumentNullException.ThrowIfNull(output);
        _output = output;
        _columns = columns;
        _rows = rows;
    }

    /// <summary>How many bytes of input wait for the guest.</summary>
    public int InputWaiting => _input.Count;

    internal override ulong Features => SizeFeature | EmergencyWriteFeature;

    /// <summary>Gives the guest input; it waits while the guest has no buffers.</summary>
    /// <param name="bytes">The input.</param>
    /// <returns>How many bytes were taken: fewer than given when <see cref="InputLimit"/> bytes wait.</returns>
    public int Receive(ReadOnlySpan<byte> bytes)
    {
        int taken = Math.Min(bytes.Length, InputLimit - _input.Count);
        foreach (byte value in bytes[..taken])
        {
            _input.Enqueue(value);
        }

        Transport?.Notify(InputQueue);
        return taken;
    }

    /// <summary>Tells the guest that the terminal has another size.</summary>
    public void Resize(ushort columns, ushort rows)
    {
        if (columns != _columns || rows != _rows)
        {
            _columns = columns;
            _rows = rows;
            Transport?.ConfigurationChanged();
        }
    }

    internal override void ReadConfig(Span<byte> config)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(config, _columns);
        BinaryPrimitives.WriteUInt16LittleEndian(config[2..], _rows);
    }

    internal override void WriteConfig(int offset, ReadOnlySpan<byte> data)
    {
        if (offset == EmergencyWriteAt && data.Length == 4)
        {
            Output(data[..1]);
        }
    }

    internal override bool Serve(int queue, out long cost)
    {
        cost = 0;
        if (queue == InputQueue && _input.Count == 0)
        {
            return false;
        }

        if (Transport?.Take(queue) is not { } chain)
        {
            return false;
        }

        VirtqueueError error = queue == OutputQueue ? TakeOutput(chain) : GiveInput(chain, out cost);
        if (error != VirtqueueError.None)
        {
            Transport.Break(error);
            return false;
        }

        cost += chain.Readable;
        Transport.Give(queue, chain.Head, (uint)(cost - chain.Readable));
        return true;
    }

    internal override void Save(StateWriter writer)
    {
        writer.Begin(Name, 1);
        writer.Write(_columns);
        writer.Write(_rows);
        writer.Write((uint)_input.Count);
        writer.Write(_input.ToArray());
        writer.End();
    }

    internal override void Load(StateReader reader)
    {
        _ = reader.Begin(Name, 1);
        _columns = reader.ReadUInt16();
        _rows = reader.ReadUInt16();
        byte[] input = new byte[reader.ReadCount(InputLimit, "the waiting input")];
        reader.Read(input);
        _input.Clear();
        foreach (byte value in input)
        {
            _input.Enqueue(value);
        }

        reader.End();
    }

    private VirtqueueError TakeOutput(DescriptorChain chain)
    {
        if (chain.Writable != 0)
        {
            return VirtqueueError.WrongDirection;
        }

        if (chain.Readable > OutputLimit)
        {
            return VirtqueueError.ChainTooLarge;
        }

        for (uint done = 0; done < chain.Readable;)
        {
            Span<byte> part = _buffer.AsSpan(0, (int)Math.Min((uint)_buffer.Length, chain.Readable - done));
            VirtqueueError error = chain.Read(done, part);
            if (error != VirtqueueError.None)
            {
                return error;
            }

            Output(part);
            done += (uint)part.Length;
        }

        return VirtqueueError.None;
    }

    private VirtqueueError GiveInput(DescriptorChain chain, out long given)
    {
        given = 0;
        if (chain.Readable != 0)
        {
            return VirtqueueError.WrongDirection;
        }

        Span<byte> part = _buffer.AsSpan(0, (int)Math.Min(chain.Writable, (uint)Math.Min(_buffer.Length, _input.Count)));
        for (int i = 0; i < part.Length; i++)
        {
            part[i] = _input.Dequeue();
        }

        given = part.Length;
        return chain.Write(0, part);
    }

    private void Output(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _output.Write(bytes);
        }
        catch (IOException failure)
        {
            Transport?.Environment.Listener.HostFailed(Name, $"{bytes.Length} bytes of output are lost: {failure.Message}");
        }
    }
}
