using System.Buffers;
using System.Buffers.Binary;
using Gnomon.Cpu.Events;
using Gnomon.Cpu.Memory;
using Gnomon.Cpu.X87;

namespace Gnomon.Cpu.State;

/// <summary>
/// A processor's state as bytes: all registers with what software does not see of them, what is pending, and how far an instruction has
/// got that waits for a port or a device. Translations and decoded code are no state: they are made anew.
/// </summary>
//  The bytes, all numbers little-endian:
//    0  "GNCP"   4  version   8  length of the fields   12  CRC-32 (IEEE 802.3) of the fields   16  fields, in the order of Visit
// SAFETY: a state is loaded into a copy, checked, and only then copied to the processor's; segments are loaded from what a descriptor has,
// so their digests, which the fast path trusts, are never taken from the bytes.
internal static unsafe class ProcessorState
{
    /// <summary>The only version so far.</summary>
    public const uint Version = 1;

    private const uint Magic = 0x5043_4E47;
    private const int HeaderBytes = 16;
    private const int MaxExchanges = 4096;
    private const int MaxRedirections = 16;
    private const uint KnownControls4 = 0x6BF;
    private const uint TableLimit = 0xFFFF;

    /// <summary>Writes the state.</summary>
    public static void Save(Processor processor, IBufferWriter<byte> output)
    {
        ArrayBufferWriter<byte> fields = new(1024);
        StateSaver saver = new(fields);
        CpuState copy = *processor.State;
        Extras extras = Extras.Of(processor);
        Visit(ref saver, &copy, ref extras, processor.Options.Profile);
        Span<byte> header = output.GetSpan(HeaderBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], Version);
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], fields.WrittenCount);
        BinaryPrimitives.WriteUInt32LittleEndian(header[12..], Crc(fields.WrittenSpan));
        output.Advance(HeaderBytes);
        output.Write(fields.WrittenSpan);
    }

    /// <summary>Reads a state, whole or not at all.</summary>
    public static void Load(Processor processor, ReadOnlyMemory<byte> state)
    {
        ReadOnlySpan<byte> bytes = state.Span;
        StateFields.Require(bytes.Length >= HeaderBytes && BinaryPrimitives.ReadUInt32LittleEndian(bytes) == Magic, "it is none");
        uint version = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
        StateFields.Require(version == Version, $"it has version {version}, and only {Version} is known");
        StateFields.Require(BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]) == bytes.Length - HeaderBytes, "its length is wrong");
        StateFields.Require(BinaryPrimitives.ReadUInt32LittleEndian(bytes[12..]) == Crc(bytes[HeaderBytes..]), "it is damaged");
        StateLoader loader = new(state[HeaderBytes..]);
        CpuState copy = *processor.State;
        Extras extras = new() { Exchanges = [], Redirections = [] };
        Visit(ref loader, &copy, ref extras, processor.Options.Profile);
        StateFields.Require(loader.IsAtEnd, "it goes on behind its end");
        Check(&copy, in extras);
        processor.Restore(in copy, in extras);
    }

    private static void Visit<T>(ref T v, CpuState* c, ref Extras e, CpuProfile profile)
        where T : struct, IStateVisitor
    {
        (uint signature, uint features, bool noExecute) = (profile.Signature, profile.Features, profile.NoExecute);
        v.Value(ref signature);
        v.Value(ref features);
        v.Value(ref noExecute);
        StateFields.Require((signature, features, noExecute) == (profile.Signature, profile.Features, profile.NoExecute), "it is that of another processor profile");
        v.Value(ref e.Instructions);
        for (int i = 0; i < 8; i++)
        {
            v.Value(ref c->Registers[i]);
        }

        v.Value(ref c->Eip);
        v.Value(ref c->Result);
        v.Value(ref c->Carries);
        v.Value(ref c->SystemFlags);
        c->Cpl = (int)v.Field((uint)c->Cpl, 1);
        for (int i = 0; i < 6; i++)
        {
            VisitSegment(ref v, ref c->Segments[i]);
        }

        VisitSegment(ref v, ref c->Ldt);
        VisitSegment(ref v, ref c->Task);
        v.Value(ref c->Gdt.Base);
        v.Value(ref c->Gdt.Limit);
        v.Value(ref c->Idt.Base);
        v.Value(ref c->Idt.Limit);
        VisitControls(ref v, c);
        VisitX87(ref v, ref c->X87);
        VisitPending(ref v, c, ref e);
        VisitExchanges(ref v, ref e);
    }

    private static void VisitSegment<T>(ref T v, ref SegmentRegister segment)
        where T : struct, IStateVisitor
    {
        v.Value(ref segment.Selector);
        v.Value(ref segment.Access);
        v.Value(ref segment.Base);
        v.Value(ref segment.Limit);
        if (T.IsLoading)
        {
            segment.Load(segment.Selector, segment.Base, segment.Limit, segment.Access);
        }
    }

    private static void VisitControls<T>(ref T v, CpuState* c)
        where T : struct, IStateVisitor
    {
        v.Value(ref c->Cr0);
        v.Value(ref c->Cr2);
        v.Value(ref c->Cr3);
        v.Value(ref c->Cr4);
        for (int i = 0; i < 4; i++)
        {
            v.Value(ref c->Pointers[i]);
        }

        for (int i = 0; i < 4; i++)
        {
            v.Value(ref c->Breakpoints[i]);
        }

        v.Value(ref c->Dr6);
        v.Value(ref c->Dr7);
        v.Value(ref c->DebugHits);
        v.Value(ref c->Efer);
        v.Value(ref c->SysenterCs);
        v.Value(ref c->SysenterEsp);
        v.Value(ref c->SysenterEip);
        v.Value(ref c->TscOffset);
    }

    private static void VisitX87<T>(ref T v, ref X87State x87)
        where T : struct, IStateVisitor
    {
        for (int i = 0; i < 8; i++)
        {
            ulong significand = v.Field(x87.Registers[i].Significand, 8);
            x87.Registers[i] = new Float80(significand, (ushort)v.Field(x87.Registers[i].SignExponent, 2));
        }

        v.Value(ref x87.InstructionPointer);
        v.Value(ref x87.DataPointer);
        v.Value(ref x87.InstructionSelector);
        v.Value(ref x87.DataSelector);
        v.Value(ref x87.LastOpcode);
        v.Value(ref x87.Control);
        v.Value(ref x87.Status);
        v.Value(ref x87.Occupied);
    }

    private static void VisitPending<T>(ref T v, CpuState* c, ref Extras e)
        where T : struct, IStateVisitor
    {
        v.Value(ref c->Activity);
        v.Value(ref c->NmiBlocked);
        v.Value(ref c->Shadow);
        c->Pending = (Pending)v.Field((byte)c->Pending, 1);
        c->FaultKind = (EventKind)v.Field((byte)c->FaultKind, 1);
        v.Value(ref c->FaultVector);
        v.Value(ref c->FaultCode);
        v.Value(ref c->FaultAddress);
        v.Value(ref e.InterruptLine);
        v.Value(ref e.NmiLine);
        PendingEvent flight = e.InFlight;
        bool active = flight.IsActive;
        v.Value(ref active);
        byte vector = (byte)v.Field(flight.Vector, 1);
        uint code = (uint)v.Field(flight.Code, 4);
        EventKind kind = (EventKind)v.Field((byte)flight.Kind, 1);
        TaskStage stage = (TaskStage)v.Field((byte)flight.Stage, 1);
        uint directory = (uint)v.Field(flight.Directory, 4);
        bool traps = flight.TrapsTask;
        v.Value(ref traps);
        e.InFlight = new PendingEvent(active, vector, code, kind) { Stage = stage, Directory = directory, TrapsTask = traps };
        VisitExit(ref v, ref e.Exit, c->Pending == Pending.Exit);
    }

    // The exit that the next run comes back with at once.
    private static void VisitExit<T>(ref T v, ref CpuExit exit, bool exists)
        where T : struct, IStateVisitor
    {
        if (!exists)
        {
            exit = default;
            return;
        }

        exit = new CpuExit
        {
            Reason = (CpuExitReason)v.Field((byte)exit.Reason, 1),
            IsWrite = v.Field(exit.IsWrite ? 1u : 0, 1) != 0,
            Size = (byte)v.Field(exit.Size, 1),
            Register = (byte)v.Field(exit.Register, 1),
            Port = (ushort)v.Field(exit.Port, 2),
            Address = (uint)v.Field(exit.Address, 4),
            Code = (uint)v.Field(exit.Code, 4),
            Physical = v.Field(exit.Physical, 8),
            Value = v.Field(exit.Value, 8),
        };
    }

    private static void VisitExchanges<T>(ref T v, ref Extras e)
        where T : struct, IStateVisitor
    {
        ulong count = v.Field((ulong)e.Exchanges.Length, 2);
        StateFields.Require(count <= MaxExchanges, "an instruction has exchanged more than any can");
        ulong[] values = T.IsLoading ? new ulong[count] : e.Exchanges;
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = v.Field(values[i], 8);
        }

        e.Exchanges = values;
        Redirection[] redirections = e.Redirections;
        count = v.Field((ulong)redirections.Length, 1);
        StateFields.Require(count <= MaxRedirections, "more pages are redirected than an instruction has");
        redirections = T.IsLoading ? [.. Enumerable.Repeat(new Redirection(0, 0, false, false), (int)count)] : redirections;
        for (int i = 0; i < redirections.Length; i++)
        {
            uint page = (uint)v.Field(redirections[i].Page, 4);
            ulong physical = v.Field(redirections[i].Physical, 8);
            ulong rights = v.Field((redirections[i].Reads ? 1u : 0) | (redirections[i].Writes ? 2u : 0), 1);
            redirections[i] = new Redirection(page, physical, (rights & 1) != 0, (rights & 2) != 0);
        }

        e.Redirections = redirections;
    }

    // What the rest of the processor takes for granted.
    private static void Check(CpuState* c, in Extras e)
    {
        bool real = (c->Cr0 & Cr0.ProtectionEnable) == 0;
        bool virtual8086 = (c->SystemFlags & Flags.Virtual8086) != 0;
        StateFields.Require(c->Cpl is >= 0 and <= 3, $"it has privilege level {c->Cpl}");
        StateFields.Require(!real || (c->Cpl == 0 && !virtual8086 && (c->Cr0 & Cr0.Paging) == 0), "its modes exclude each other");
        StateFields.Require(!virtual8086 || c->Cpl == 3, "it is in virtual-8086 mode and not at level 3");
        StateFields.Require((c->SystemFlags & ~(Flags.NotStatus | Flags.One)) == 0, $"its flags are 0x{c->SystemFlags:x}");
        StateFields.Require((c->Cr4 & ~KnownControls4) == 0 && (c->Efer & ~Efer.NoExecuteEnable) == 0, "control bits are set that there are not");
        StateFields.Require(c->Gdt.Limit <= TableLimit && c->Idt.Limit <= TableLimit, "a descriptor table is longer than it can be");
        StateFields.Require(
            c->Activity <= ActivityState.Shutdown && c->NmiBlocked <= 1 && c->Shadow <= ShadowKind.SetInterrupt && c->Pending <= Pending.Exit,
            "it is in no activity that there is");
        StateFields.Require(
            Enum.IsDefined(c->FaultKind) && Enum.IsDefined(e.InFlight.Kind) && Enum.IsDefined(e.InFlight.Stage) && Enum.IsDefined(e.Exit.Reason),
            "something is pending that there is not");
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        const uint reversed = 0xEDB8_8320;
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ (reversed & (0 - (crc & 1)));
            }
        }

        return ~crc;
    }

    /// <summary>What is state and does not lie in <see cref="CpuState"/>.</summary>
    internal struct Extras
    {
        /// <summary>Instructions completed: the virtual clock reads them.</summary>
        public ulong Instructions;

        /// <summary>Whether the interrupt line is up.</summary>
        public bool InterruptLine;

        /// <summary>Whether an NMI waits.</summary>
        public bool NmiLine;

        /// <summary>An event whose delivery an exit has stopped.</summary>
        public PendingEvent InFlight;

        /// <summary>The exit that is pending.</summary>
        public CpuExit Exit;

        /// <summary>What the instruction has exchanged already.</summary>
        public ulong[] Exchanges;

        /// <summary>The pages that are redirected.</summary>
        public Redirection[] Redirections;

        /// <summary>A processor's.</summary>
        public static Extras Of(Processor processor)
        {
            List<Redirection> redirections = [];
            for (Redirection? page = processor.Linear.Redirection; page is not null; page = page.Next)
            {
                redirections.Add(page);
            }

            return new Extras
            {
                Instructions = processor.Instructions,
                InterruptLine = processor.InterruptLine,
                NmiLine = processor.NmiLine,
                InFlight = processor.InFlight,
                Exit = processor.Linear.Exit,
                Exchanges = processor.Linear.Log.Values.ToArray(),
                Redirections = [.. redirections],
            };
        }
    }
}
