using Gnomon.Memory;
using Gnomon.Model.Tests.Model;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Model.Tests.Driving;

/// <summary>Looks at everything that can be seen of the engine after a step, and compares it with the model.</summary>
/// <param name="bench">The engine.</param>
/// <param name="model">The model.</param>
/// <param name="samples">Addresses to look at besides those that are mapped.</param>
public sealed class Observer(Bench bench, GuestModel model, IReadOnlyList<uint> samples)
{
    private const int ManyLeaves = 96;

    /// <summary>Throws where something differs.</summary>
    public void Look()
    {
        string? broken = bench.Mmu.Audit();
        Require(broken is null, $"audit: {broken}");
        CompareMemory();
        if (bench.Mmu.KillReason is null)
        {
            for (int cpu = 0; cpu < model.Config.Cpus; cpu++)
            {
                LookAt(cpu);
            }
        }
    }

    /// <summary>Every page of the guest and its clones is what the model says, stored pages too.</summary>
    public void LookAtAllMemory(GuestMemory memory, ModelMemory expected, string whose)
    {
        byte[] page = new byte[PageSize.Bytes];
        for (uint number = 0; number < memory.PageCount; number++)
        {
            if (model.Config.Holes.Contains(number))
            {
                continue;
            }

            PageStatus status = memory.Read(new Gpa((ulong)number << PageSize.Shift), page);
            Require(status == PageStatus.Ok, $"{whose} page 0x{number:x} cannot be read: {status}");
            ComparePage(page, expected.Page(number), number, whose);
        }
    }

    /// <summary>What one virtual CPU sees of the guest's page, null for nothing.</summary>
    public SeenTranslation? See(int cpu, uint address, PageFaultCode access, out HardwareTranslation translation)
    {
        Gva gva = new(address);
        if (!bench.Mmu.TryWalkShadow(cpu, gva, new PageAccess(access), out translation))
        {
            return null;
        }

        Require(bench.Mmu.TryGetGuestPage(cpu, gva, out Gfn page), $"cpu {cpu} {gva}: frame {translation.Frame} stands for no guest page");
        Require(page.Value < model.Config.Pages, $"cpu {cpu} {gva}: page {page} is outside memory");
        CheckFrame(cpu, address, page, translation);
        return new SeenTranslation(page.Value, translation.Writable, translation.User, translation.Executable);
    }

    /// <summary>Fails the scenario.</summary>
    public static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new DeviationException(message);
        }
    }

    private unsafe void CompareMemory()
    {
        foreach ((uint number, byte[] expected) in model.Memory.Written)
        {
            byte* actual = bench.Memory.Peek(new Gpa((ulong)number << PageSize.Shift));
            if (actual is not null)
            {
                // SAFETY: Peek names a whole present page, and nothing is taken back between here and the comparison.
                ComparePage(new ReadOnlySpan<byte>(actual, PageSize.Bytes), expected, number, "guest");
            }
        }
    }

    private static void ComparePage(ReadOnlySpan<byte> actual, byte[]? expected, uint number, string whose)
    {
        int at = expected is null ? actual.IndexOfAnyExcept((byte)0) : actual.CommonPrefixLength(expected);
        if (at >= 0 && at < PageSize.Bytes)
        {
            int word = at & ~7;
            ulong wanted = expected is null ? 0 : BitConverter.ToUInt64(expected, word);
            throw new DeviationException(
                $"{whose} memory at 0x{((ulong)number << 12) + (ulong)word:x} is 0x{BitConverter.ToUInt64(actual[word..]):x}, the model has 0x{wanted:x}");
        }
    }

    private void LookAt(int cpu)
    {
        HashSet<uint> mapped = [];
        HashSet<(uint Address, bool Writable, bool Executable)> switcher = [];
        long last = -1;
        foreach (ShadowLeaf leaf in bench.Mmu.Leaves(cpu))
        {
            uint address = leaf.Address.Value;
            Require(address > last && (address & 0xFFF) == 0, $"cpu {cpu}: leaf {leaf} is out of order");
            last = address;
            mapped.Add(address);
            if (leaf.IsSwitcher)
            {
                Require(!leaf.User, $"cpu {cpu}: user code reaches the Switcher at {leaf.Address}");
                switcher.Add((address, leaf.Writable, leaf.Executable));
                continue;
            }

            SeenTranslation listed = new(leaf.Page.Value, leaf.Writable, leaf.User, leaf.Executable);
            string? refused = ModelGrants.Refuse(model, cpu, address, listed);
            Require(refused is null, $"cpu {cpu} sees {leaf}: {refused}");
            if (mapped.Count <= ManyLeaves)
            {
                SeenTranslation? seen = See(cpu, address, PageFaultCode.None, out _);
                Require(seen == listed, $"cpu {cpu}: the list says {listed}, a walk {seen}");
            }
        }

        Require(switcher.SetEquals(ExpectedSwitcher(cpu)), $"cpu {cpu}: the Switcher's pages are {string.Join(" ", switcher)}, host cpu {model.Cpu(cpu).HostCpu}");
        foreach (uint address in samples)
        {
            bool walks = bench.Mmu.TryWalkShadow(cpu, new Gva(address), new PageAccess(PageFaultCode.None), out _);
            Require(walks == mapped.Contains(address & ~0xFFFu), $"cpu {cpu}: a walk of 0x{address:x} says {walks}, the list not");
        }
    }

    private IEnumerable<(uint Address, bool Writable, bool Executable)> ExpectedSwitcher(int cpu)
    {
        if (model.Config.Unmodified)
        {
            yield break;
        }

        // Shadows run with NX on, whatever the guest's controls say; two-level has no such bit.
        bool always = !model.Config.Pae;
        uint start = model.Config.Switcher;
        yield return (start, false, true);
        int host = model.Cpu(cpu).HostCpu;
        if (host >= 0)
        {
            yield return (start + (((uint)host * 2) + 1) * 4096, true, always);
            yield return (start + (((uint)host * 2) + 2) * 4096, false, always);
        }
    }

    private void CheckFrame(int cpu, uint address, Gfn page, HardwareTranslation translation)
    {
        GuestPage state = bench.Memory.Page(page);
        Require((state.Flags & GuestPageState.Present) != 0 && state.Frame == translation.Frame,
            $"cpu {cpu} 0x{address:x}: frame {translation.Frame} does not back page {page}");
        if (!translation.Writable)
        {
            return;
        }

        Require((state.Flags & (GuestPageState.ReadOnly | GuestPageState.Watched)) == 0, $"cpu {cpu} 0x{address:x}: page {page} ({state.Flags}) is mapped writable");
        foreach (GuestMemory clone in bench.Clones)
        {
            GuestPage other = clone.Page(page);
            Require((other.Flags & GuestPageState.Present) == 0 || other.Frame != translation.Frame,
                $"cpu {cpu} 0x{address:x}: page {page} is mapped writable and shared");
        }
    }
}
