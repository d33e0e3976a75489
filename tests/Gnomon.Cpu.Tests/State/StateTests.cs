using System.Buffers.Binary;
using Gnomon.Cpu.State;

namespace Gnomon.Cpu.Tests.State;

/// <summary>A state that was saved and loaded elsewhere goes on exactly as the one that it was taken of.</summary>
public sealed unsafe class StateTests
{
    private const int Seeds = 30;
    private const int Slices = 120;
    private const int Ahead = 12;
    private const int HeaderBytes = 16;

    [Fact]
    public void Load_AtManyCuts_GoesOnAsTheProcessorItself()
    {
        Dictionary<string, int> met = [];
        for (int seed = 1; seed <= TestSettings.Steps(Seeds); seed++)
        {
            using StateMachine machine = new(seed);
            for (int slice = 0; slice < Slices; slice++)
            {
                CpuExit exit = machine.Slice(slice);
                met[exit.Reason.ToString()] = met.GetValueOrDefault(exit.Reason.ToString()) + 1;
                Count(met, machine.Processor);
                byte[] state = machine.State;
                using StateMachine other = new(seed, machine.Memory);
                other.Processor.Load(state);
                Assert.Equal(state, other.State);

                // The other has no translations: the first gives its own up.
                machine.Processor.FlushTranslations();
                if (slice % Ahead == 0 || machine.Processor.State->Shadow != 0)
                {
                    GoOn(machine, other, seed, ref slice);
                }
            }
        }

        foreach (string kind in (ReadOnlySpan<string>)["shadow", "event", "exchange", "x87", "breakpoint", "halted", "nmi", "line", "trap flag"])
        {
            Assert.True(met.GetValueOrDefault(kind) > 0, $"no cut has met: {kind}; {string.Join(", ", met)}");
        }
    }

    [Fact]
    public void Load_OfDamagedBytes_IsRefusedAndChangesNothing()
    {
        using StateMachine machine = new(3);
        for (int slice = 0; slice < 60; slice++)
        {
            machine.Slice(slice);
        }

        byte[] state = machine.State;
        for (int length = 0; length < state.Length; length++)
        {
            Refuse(machine, state.AsMemory(0, length), state);
        }

        for (int at = 0; at < state.Length; at++)
        {
            byte[] damaged = [.. state];
            damaged[at] ^= (byte)(1 << (at % 8));
            Refuse(machine, damaged, state);
        }

        Refuse(machine, (byte[])[.. state, 0], state);
    }

    [Fact]
    public void Load_OfAForgedState_IsRefusedOrRuns()
    {
        // With a right checksum: what a hostile file would have. Whatever it says, the processor keeps to its memory and comes back.
        int loaded = 0, refused = 0;
        for (int seed = 1; seed <= TestSettings.Steps(400); seed++)
        {
            Random random = new(seed);
            using StateMachine machine = new(1 + (seed % 5));
            machine.Slice(0);
            byte[] state = machine.State;
            for (int i = random.Next(1, 5); i > 0; i--)
            {
                state[random.Next(HeaderBytes, state.Length)] = (byte)random.Next(256);
            }

            BinaryPrimitives.WriteUInt32LittleEndian(state.AsSpan(12), Crc(state.AsSpan(HeaderBytes)));
            byte[] before = machine.State;
            try
            {
                machine.Processor.Load(state);
                loaded++;
            }
            catch (CpuStateException)
            {
                refused++;
                Assert.Equal(before, machine.State);
            }

            for (int slice = 0; slice < 20; slice++)
            {
                machine.Slice(slice);
            }
        }

        Assert.True(loaded > 20 && refused > 20, $"{loaded} loaded, {refused} refused");
    }

    [Fact]
    public void Load_OfAnotherProfileOrVersion_IsRefused()
    {
        using StateMachine machine = new(1);
        using Processor other = new(machine.Ram, new ProcessorOptions { Profile = CpuProfile.Default with { Features = 1 } });
        byte[] state = machine.State;
        Assert.Contains("profile", Assert.Throws<CpuStateException>(() => other.Load(state)).Message, StringComparison.Ordinal);
        state[4]++;
        Assert.Contains("version", Assert.Throws<CpuStateException>(() => machine.Processor.Load(state)).Message, StringComparison.Ordinal);
    }

    private static void GoOn(StateMachine machine, StateMachine other, int seed, ref int slice)
    {
        for (int i = 0; i < Ahead; i++)
        {
            slice++;
            CpuExit expected = machine.Slice(slice);
            CpuExit actual = other.Slice(slice);
            Assert.True(expected == actual, $"seed {seed}, slice {slice}: {expected}, and loaded {actual}");
            Assert.True(machine.State.AsSpan().SequenceEqual(other.State), $"seed {seed}, slice {slice}: the states differ");
        }

        Assert.True(machine.Memory.SequenceEqual(other.Memory), $"seed {seed}, slice {slice}: memory differs");
    }

    private static void Count(Dictionary<string, int> met, Processor processor)
    {
        CpuState* c = processor.State;
        (string Kind, bool Is)[] kinds =
        [
            ("shadow", c->Shadow != 0),
            ("event", processor.IsDelivering),
            ("exchange", processor.Linear.Log.IsRepeating),
            ("x87", c->X87.Occupied is not 0 and not 0xFF),
            ("breakpoint", (c->Dr7 & 3) != 0),
            ("halted", c->Activity == 1),
            ("nmi", processor.NmiLine || c->NmiBlocked != 0),
            ("line", processor.InterruptLine),
            ("trap flag", (c->SystemFlags & 0x100) != 0),
        ];
        foreach ((string kind, bool holds) in kinds)
        {
            met[kind] = met.GetValueOrDefault(kind) + (holds ? 1 : 0);
        }
    }

    private static void Refuse(StateMachine machine, ReadOnlyMemory<byte> damaged, byte[] before)
    {
        Assert.StartsWith("The processor's state cannot be loaded: ", Assert.Throws<CpuStateException>(() => machine.Processor.Load(damaged)).Message, StringComparison.Ordinal);
        Assert.Equal(before, machine.State);
    }

    // CRC-32 from its definition: the remainder of the bits, least significant first.
    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        ulong remainder = uint.MaxValue;
        for (int i = 0; i < bytes.Length * 8; i++)
        {
            ulong bit = (ulong)(bytes[i / 8] >> (i % 8)) & 1;
            bool carry = ((remainder ^ bit) & 1) != 0;
            remainder >>= 1;
            remainder ^= carry ? 0xEDB8_8320UL : 0;
        }

        return (uint)~remainder;
    }
}
