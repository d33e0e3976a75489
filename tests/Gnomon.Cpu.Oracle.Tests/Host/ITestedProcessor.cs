namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>
/// A processor that is compared with the host's. It presents <see cref="AddressMap"/>, <see cref="LocalDescriptors"/> and
/// <see cref="Background"/>, and executes one instruction.
/// </summary>
internal interface ITestedProcessor
{
    /// <summary>
    /// Runs the case's one instruction: restores the data pages to the background, makes the patches, puts the code at EIP (only its
    /// own bytes need be there), loads the registers and steps once. A branch target is not fetched.
    /// </summary>
    void Run(in InstructionCase c, ref CaseResult r);
}
