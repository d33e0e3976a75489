namespace Gnomon.Cpu.Bare;

/// <summary>What is behind the ports of a bare machine.</summary>
public interface IPortBus
{
    /// <summary>Reads a port.</summary>
    /// <param name="port">The port of the first byte.</param>
    /// <param name="size">Bytes: 1, 2 or 4.</param>
    /// <returns>The value; where nothing answers, all ones. Bits above the size are ignored.</returns>
    uint Read(ushort port, int size);

    /// <summary>Writes a port.</summary>
    /// <param name="port">The port of the first byte.</param>
    /// <param name="size">Bytes: 1, 2 or 4.</param>
    /// <param name="value">The value; bits above the size are zero.</param>
    void Write(ushort port, int size, uint value);
}
