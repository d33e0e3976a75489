using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Gnomon.Cpu;
using Gnomon.Memory;

namespace Gnomon.Monitor;

/// <summary>
/// What an instruction that is stepped has written to ports, devices and watched pages so far. It is done when the instruction is: a
/// store to a page table takes mappings away, perhaps those of the instruction itself, which could then never end.
/// </summary>
internal sealed class StepStores(GuestSession session, MonitorStatistics statistics)
{
    private const int LongestAccess = 8;

    private readonly List<Store> _stores = new(16);

    /// <summary>Notes a write. The processor has it now.</summary>
    public void Add(in CpuExit exit) => _stores.Add(new Store(exit.Reason == CpuExitReason.Port ? exit.Port : null, exit.Physical, exit.Value, exit.Size));

    /// <summary>The instruction begins again.</summary>
    public void Clear() => _stores.Clear();

    /// <summary>Reads memory as the instruction must see it: with what it has written itself.</summary>
    public void Read(Gpa address, Span<byte> destination)
    {
        GuestDeath.Unless(session.Memory.Read(address, destination), "memory", address.Value);
        Span<byte> bytes = stackalloc byte[LongestAccess];
        foreach (ref readonly Store store in CollectionsMarshal.AsSpan(_stores))
        {
            if (store.Port is null)
            {
                BinaryPrimitives.WriteUInt64LittleEndian(bytes, store.Value);
                for (int i = 0; i < store.Size; i++)
                {
                    ulong at = store.Address + (ulong)i - address.Value;
                    if (at < (ulong)destination.Length)
                    {
                        destination[(int)at] = bytes[i];
                    }
                }
            }
        }
    }

    /// <summary>Does all that was noted.</summary>
    public void Perform()
    {
        Span<byte> bytes = stackalloc byte[LongestAccess];
        foreach (ref readonly Store store in CollectionsMarshal.AsSpan(_stores))
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes, store.Value);
            ReadOnlySpan<byte> data = bytes[..store.Size];
            Gpa address = new(store.Address);
            if (store.Port is ushort port)
            {
                statistics.DeviceAccesses++;
                session.Devices.Ports.Write(port, data);
            }
            else if (session.Memory.IsMemory(address))
            {
                // A watched page: the engine hears of the store.
                GuestDeath.Unless(session.Memory.Write(address, data), "memory", address.Value);
            }
            else
            {
                statistics.DeviceAccesses++;
                session.Devices.Mmio?.Write(address, data);
            }
        }

        _stores.Clear();
    }

    private readonly record struct Store(ushort? Port, ulong Address, ulong Value, byte Size);
}
