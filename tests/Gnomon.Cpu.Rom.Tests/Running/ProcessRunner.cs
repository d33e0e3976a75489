using System.Diagnostics;

namespace Gnomon.Cpu.Rom.Tests.Running;

/// <summary>Runs an emulator as a process in a directory of its own, which goes away again.</summary>
internal abstract class ProcessRunner : IRomRunner
{
    private readonly string _program;

    protected ProcessRunner(string program) => _program = program;

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public RomOutput Run(byte[] rom, CpuModel model, TimeSpan timeout)
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("gnomon-rom-");
        try
        {
            File.WriteAllBytes(Path.Combine(directory.FullName, "rom.bin"), rom);
            ProcessStartInfo start = new(_program)
            {
                WorkingDirectory = directory.FullName,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            foreach (string argument in Arguments(directory.FullName, model))
            {
                start.ArgumentList.Add(argument);
            }
            using Process process = Process.Start(start) ?? throw new InvalidOperationException($"{_program} does not start.");
            process.StandardInput.Close();
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Task<string> errors = process.StandardError.ReadToEndAsync();
            bool ended = process.WaitForExit(timeout);
            if (!ended)
            {
                process.Kill(entireProcessTree: true);
                process.WaitForExit();
            }
            return Read(directory.FullName, output.GetAwaiter().GetResult(), errors.GetAwaiter().GetResult(), ended ? process.ExitCode : null);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    /// <summary>Prepares <paramref name="directory"/>, which holds rom.bin, and returns the arguments.</summary>
    protected abstract IEnumerable<string> Arguments(string directory, CpuModel model);

    /// <summary>What the run did; <paramref name="exitCode"/> is null when the time was up.</summary>
    protected abstract RomOutput Read(string directory, string output, string errors, int? exitCode);
}
