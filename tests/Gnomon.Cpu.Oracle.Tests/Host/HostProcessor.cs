using System.Buffers.Binary;
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>
/// The host's own processor, which runs cases in a 32-bit child process. Not thread-safe. <see cref="Available"/> says whether the host
/// has one.
/// </summary>
internal sealed class HostProcessor : IDisposable
{
    private const byte Filler = 0xCC;
    private const uint TrapFlag = 1 << 8;

    private readonly SharedArea _shared = new();
    private readonly RunnerProgram _program;
    private readonly string _file;
    private Process? _process;
    private CaseResult _result = new() { Memory = new MemoryChanges() };

    private HostProcessor(bool wantsLowData)
    {
        LayOut();
        _shared.Word(SharedArea.WantsLowData) = wantsLowData ? 1u : 0;
        _program = RunnerProgram.Assemble(_shared.Path);
        _file = Path.Combine(Path.GetTempPath(), $"gnomon-runner-{Guid.NewGuid():N}");
    }

    private void Launch()
    {
        File.WriteAllBytes(_file, _program.Elf);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(_file, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }

        _process = Start(_file);
        WaitForRunner();
    }

    /// <summary>What a batch calls for each of its cases, in order.</summary>
    public delegate void Handler(in InstructionCase c, in CaseResult expected);

    /// <summary>False where the kernel lets no user program map the pages of <see cref="AddressMap.LowData"/>.</summary>
    public bool HasLowData => _shared.Word(SharedArea.HasLowData) != 0;

    /// <summary>The processor time that the child has used so far.</summary>
    public TimeSpan ProcessorTime => _process!.TotalProcessorTime;

    /// <summary>A new child; without a host that can run it the calling test is skipped.</summary>
    /// <param name="wantsLowData">False to do without the pages of <see cref="AddressMap.LowData"/>, as on hosts that forbid them.</param>
    public static HostProcessor Start(bool wantsLowData = true)
    {
        Testing.Oracle.RequirePlatform(
            OperatingSystem.IsLinux() && RuntimeInformation.OSArchitecture == Architecture.X64, "x86-64 Linux");
        var host = new HostProcessor(wantsLowData);
        try
        {
            host.Launch();
            return host;
        }
        catch (Win32Exception e)
        {
            host.Dispose();
            Testing.Oracle.RequirePlatform(false, $"a kernel that runs 32-bit programs ({e.Message})");
            throw;
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    /// <summary>Runs cases, whose seeds must lie in different slots, and reports the result of each.</summary>
    public void Run(ReadOnlySpan<InstructionCase> cases, Handler handler)
    {
        while (cases.Length > 0)
        {
            Place(cases);
            int done = RunPlaced(cases);
            Report(cases[..done], handler);
            cases = cases[done..];
        }
    }

    /// <summary>Runs one case.</summary>
    public CaseResult Run(in InstructionCase c)
    {
        CaseResult result = default;
        Run(new ReadOnlySpan<InstructionCase>(in c), (in InstructionCase _, in CaseResult r) => result = Copy(r));
        return result;
    }

    /// <summary>A result that stays as it is when the handler has returned.</summary>
    public static CaseResult Copy(in CaseResult r)
    {
        CaseResult copy = r;
        copy.Memory = new MemoryChanges();
        foreach ((uint address, UInt128 data) in r.Memory.Blocks)
        {
            copy.Memory.Add(address, data);
        }

        return copy;
    }

    public void Dispose()
    {
        if (_process is not null)
        {
            _process.StandardInput.Dispose();
            if (!_process.WaitForExit(2000))
            {
                _process.Kill();
            }

            _process.Dispose();
        }

        File.Delete(_file);
        _shared.Dispose();
    }

    private static Process Start(string file)
    {
        // Another thread that starts a process at this moment may hold the file open for writing; the kernel then refuses to run it.
        const int TextFileBusy = 26;
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return Process.Start(new ProcessStartInfo(file) { RedirectStandardInput = true, RedirectStandardOutput = true })!;
            }
            catch (Win32Exception e) when (e.NativeErrorCode == TextFileBusy && attempt < 20)
            {
                Thread.Sleep(50);
            }
        }
    }

    private void LayOut()
    {
        Background.Of(AddressMap.LowData)[..(int)AddressMap.WritableBytes].CopyTo(_shared[SharedArea.LowBackground, (int)AddressMap.WritableBytes]);
        Background.Of(AddressMap.HighData)[..(int)AddressMap.WritableBytes].CopyTo(_shared[SharedArea.HighBackground, (int)AddressMap.WritableBytes]);
        Background.Of(AddressMap.LowData).CopyTo(_shared[SharedArea.LowWindow, (int)AddressMap.WindowBytes]);
        Background.Of(AddressMap.HighData).CopyTo(_shared[SharedArea.HighWindow, (int)AddressMap.WindowBytes]);
        _shared[SharedArea.Code, (int)AddressMap.CodeBytes].Fill(Filler);
        _shared[SharedArea.Edges, (int)AddressMap.EdgeBytes].Fill(Filler);
        _shared.Word(SharedArea.DescriptorCount) = (uint)LocalDescriptors.All.Length;
        for (int index = 0; index < LocalDescriptors.All.Length; index++)
        {
            LocalDescriptor descriptor = LocalDescriptors.All[index];
            uint at = SharedArea.Descriptors + ((uint)index * SharedArea.DescriptorBytes);
            _shared.Word(at) = (uint)index;
            _shared.Word(at + 4) = descriptor.Base;
            _shared.Word(at + 8) = descriptor.Limit;
            _shared.Word(at + 12) = descriptor.UserFlags;
        }
    }

    private void Place(ReadOnlySpan<InstructionCase> cases)
    {
        for (int index = 0; index < cases.Length; index++)
        {
            ref readonly InstructionCase c = ref cases[index];
            PlaceCode(c);
            InstructionCase placed = HasLowData ? c : WithoutLowPatches(c);
            ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(new ReadOnlySpan<InstructionCase>(in placed));
            bytes[..InstructionCase.HostBytes].CopyTo(_shared[SharedArea.Cases + ((uint)index * InstructionCase.HostBytes), InstructionCase.HostBytes]);
            if (c.Flags.HasFlag(CaseFlags.SingleStep))
            {
                _shared.Word(SharedArea.Cases + ((uint)index * InstructionCase.HostBytes) + ProcessorContext.EflagsOffset) |= TrapFlag;
            }

            if (c.Flags.HasFlag(CaseFlags.Fpu))
            {
                ((ReadOnlySpan<byte>)c.Fpu).CopyTo(_shared[SharedArea.FpuImages + ((uint)index * FpuState.Bytes), FpuState.Bytes]);
            }
        }
    }

    private static InstructionCase WithoutLowPatches(in InstructionCase c)
    {
        InstructionCase result = c;
        result.PatchCount = 0;
        for (int patch = 0; patch < c.PatchCount; patch++)
        {
            if (c.PatchAddress(patch) >= AddressMap.HighData)
            {
                result.AddPatch(c.PatchAddress(patch), c.PatchBytesOf(patch));
            }
        }

        return result;
    }

    /// <summary>Puts the code where the case has it, with jumps into the runner where it may go on.</summary>
    private void PlaceCode(in InstructionCase c)
    {
        uint eip = c.Context.Eip;
        Span<byte> place;
        uint start;
        if (eip - AddressMap.Code < AddressMap.CodeBytes)
        {
            start = eip & ~(AddressMap.SlotBytes - 1);
            place = _shared[SharedArea.Code + (start - AddressMap.Code), (int)AddressMap.SlotBytes];
        }
        else
        {
            // Around the boundary in the middle of a pair; what lies in an unmapped page is simply not seen.
            start = ((eip - AddressMap.Edges) & ~(AddressMap.EdgePairBytes - 1)) + AddressMap.Edges + AddressMap.PageBytes - AddressMap.SlotBytes;
            place = _shared[SharedArea.Edges + (start - AddressMap.Edges), 2 * (int)AddressMap.SlotBytes];
        }

        place.Fill(Filler);
        if (!c.Flags.HasFlag(CaseFlags.SingleStep))
        {
            WriteJump(place, start, eip + (uint)c.CodeLength, _program.FallThroughCapture);
            if (c.Landing != 0)
            {
                WriteJump(place, start, c.Landing, _program.LandingCapture);
            }
        }

        c.CodeSpan.CopyTo(place[(int)(eip - start)..]);
    }

    private static void WriteJump(Span<byte> place, uint start, uint at, uint target)
    {
        const byte JumpNear = 0xE9;
        Span<byte> jump = place[(int)(at - start)..];
        jump[0] = JumpNear;
        BinaryPrimitives.WriteUInt32LittleEndian(jump[1..], target - (at + 5));
    }

    private int RunPlaced(ReadOnlySpan<InstructionCase> cases)
    {
        _shared.Word(SharedArea.Count) = (uint)cases.Length;
        _process!.StandardInput.BaseStream.WriteByte(1);
        _process.StandardInput.BaseStream.Flush();
        WaitForRunner(cases);
        return (int)_shared.Word(SharedArea.Done);
    }

    private void WaitForRunner(ReadOnlySpan<InstructionCase> cases = default)
    {
        if (_process!.StandardOutput.BaseStream.ReadByte() < 0)
        {
            _process.WaitForExit();
            uint done = _shared.Word(SharedArea.Done);
            string culprit = done < cases.Length ? $" {cases[(int)done].Wanted}:{cases[(int)done].Seed}" : "";
            throw new InvalidOperationException(string.Create(
                CultureInfo.InvariantCulture,
                $"the runner ended with code {_process.ExitCode} in case {done}{culprit}, step {_shared.Word(SharedArea.SetupStep)}: {_shared.Word(SharedArea.SetupError):X8}"));
        }
    }

    private void Report(ReadOnlySpan<InstructionCase> cases, Handler handler)
    {
        uint at = SharedArea.Results;
        foreach (ref readonly InstructionCase c in cases)
        {
            uint size = _shared.Word(at + SharedArea.ResultSize);
            if (size is < SharedArea.ResultFpu or > 32768)
            {
                throw new InvalidOperationException($"the runner's memory has been overwritten by a case: {c.Wanted} {c.Seed}");
            }

            ReadResult(_shared[at, (int)size], c);
            handler(c, _result);
            at += size;
        }
    }

    private void ReadResult(ReadOnlySpan<byte> record, in InstructionCase c)
    {
        _result.Context = MemoryMarshal.Read<ProcessorContext>(record);
        int blocks = SharedArea.ResultFpu;
        if (c.Flags.HasFlag(CaseFlags.Fpu))
        {
            record.Slice(blocks, FpuState.Bytes).CopyTo(_result.Fpu);
            blocks += FpuState.Bytes;
        }

        HostEnding.Normalise(_program, ref _result.Context, c);
        _result.Memory.Clear();
        for (; blocks < record.Length; blocks += SharedArea.ResultBlockBytes)
        {
            ReadOnlySpan<byte> block = record.Slice(blocks, SharedArea.ResultBlockBytes);
            _result.Memory.Add(
                BinaryPrimitives.ReadUInt32LittleEndian(block), BinaryPrimitives.ReadUInt128LittleEndian(block[MemoryChanges.BlockBytes..]));
        }
    }
}
