namespace Gnomon.Devices;

/// <summary>
/// The time registers of an MC146818 as numbers: BCD or binary, 24 or 12 hours with PM in bit 7, and the century that PCs keep in
/// register 0x32. The formats are those of register B at the moment; changing them does not change what the registers hold.
/// </summary>
internal static class RtcCalendar
{
    public const int Seconds = 0;
    public const int Minutes = 2;
    public const int Hours = 4;
    public const int WeekDay = 6;
    public const int Day = 7;
    public const int Month = 8;
    public const int Year = 9;
    public const int Century = 0x32;

    /// <summary>Register B: numbers are binary.</summary>
    public const byte Binary = 1 << 2;

    /// <summary>Register B: hours are 0 … 23.</summary>
    public const byte Hours24 = 1 << 1;

    private const byte Pm = 0x80;

    /// <summary>Reads a date; false when the registers hold none.</summary>
    public static bool TryRead(ReadOnlySpan<byte> registers, byte format, out DateTime time)
    {
        int year = (Number(registers[Century], format) * 100) + Number(registers[Year], format);
        int month = Number(registers[Month], format);
        int day = Number(registers[Day], format);
        int hour = Hour(registers[Hours], format);
        int minute = Number(registers[Minutes], format);
        int second = Number(registers[Seconds], format);
        bool good = year is >= 1 and < 9999 && month is >= 1 and <= 12 && day >= 1 && day <= DateTime.DaysInMonth(year, month)
            && hour is >= 0 and < 24 && minute < 60 && second < 60;
        time = good ? new DateTime(year, month, day, hour, minute, second, DateTimeKind.Utc) : default;
        return good;
    }

    /// <summary>Writes a date, but not the day of the week, which is a counter of its own.</summary>
    public static void Write(Span<byte> registers, byte format, DateTime time)
    {
        registers[Seconds] = Byte(time.Second, format);
        registers[Minutes] = Byte(time.Minute, format);
        registers[Hours] = HourByte(time.Hour, format);
        registers[Day] = Byte(time.Day, format);
        registers[Month] = Byte(time.Month, format);
        registers[Year] = Byte(time.Year % 100, format);
        registers[Century] = Byte(time.Year / 100, format);
    }

    /// <summary>A second, minute or hour as its register has it: what an alarm is compared with.</summary>
    public static byte Byte(int number, byte format) => (format & Binary) != 0 ? (byte)number : (byte)((number / 10 << 4) | (number % 10));

    /// <summary>An hour as its register has it.</summary>
    /// <param name="hour">0 … 23.</param>
    /// <param name="format">Register B.</param>
    public static byte HourByte(int hour, byte format)
    {
        if ((format & Hours24) != 0)
        {
            return Byte(hour, format);
        }

        int half = hour % 12;
        return (byte)(Byte(half == 0 ? 12 : half, format) | (hour >= 12 ? Pm : 0));
    }

    // What is no BCD number becomes one that no register may hold.
    private static int Number(byte value, byte format) =>
        (format & Binary) != 0 ? value : (value & 15) > 9 || value >> 4 > 9 ? byte.MaxValue : ((value >> 4) * 10) + (value & 15);

    private static int Hour(byte value, byte format)
    {
        if ((format & Hours24) != 0)
        {
            return Number(value, format);
        }

        int half = Number((byte)(value & ~Pm), format);
        return half is < 1 or > 12 ? -1 : (half % 12) + ((value & Pm) != 0 ? 12 : 0);
    }
}
