using System.Text;

namespace Gnomon.Cli.Demo;

/// <summary>How a cell of a canvas looks.</summary>
internal enum Ink : byte
{
    Plain,
    Faint,
    Bold,
    Green,
    Yellow,
    Red,
    Cyan,
    Title,
}

/// <summary>A terminal's screen as cells. Only rows that have changed are written, each whole, in one write: nothing flickers.</summary>
internal sealed class Canvas
{
    private static readonly string[] _inks = ["\e[0m", "\e[0;2m", "\e[0;1m", "\e[0;32m", "\e[0;33m", "\e[0;1;31m", "\e[0;36m", "\e[0;1;7m"];

    private readonly bool _coloured;
    private readonly StringBuilder _text = new();
    private char[] _cells = [];
    private Ink[] _inksOfCells = [];
    private string[] _shown = [];

    /// <summary>Makes a canvas of no size.</summary>
    /// <param name="coloured">Whether inks are written.</param>
    public Canvas(bool coloured) => _coloured = coloured;

    /// <summary>The width in characters.</summary>
    public int Columns { get; private set; }

    /// <summary>The height in characters.</summary>
    public int Rows { get; private set; }

    /// <summary>Begins a picture.</summary>
    /// <param name="columns">The width.</param>
    /// <param name="rows">The height.</param>
    public void Clear(int columns, int rows)
    {
        if (columns != Columns || rows != Rows)
        {
            (Columns, Rows) = (columns, rows);
            _cells = new char[columns * rows];
            _inksOfCells = new Ink[columns * rows];
            _shown = new string[rows];
        }

        Array.Fill(_cells, ' ');
        Array.Fill(_inksOfCells, Ink.Plain);
    }

    /// <summary>Writes text, cut at the edge or at a width.</summary>
    public void Put(int row, int column, string text, Ink ink = Ink.Plain, int width = int.MaxValue)
    {
        if (row < 0 || row >= Rows)
        {
            return;
        }

        int count = Math.Min(Math.Min(text.Length, width), Columns - column);
        for (int i = 0; i < count; i++)
        {
            char letter = text[i];
            _cells[(row * Columns) + column + i] = char.IsControl(letter) || char.IsSurrogate(letter) ? '?' : letter;
            _inksOfCells[(row * Columns) + column + i] = ink;
        }
    }

    /// <summary>Draws a frame with a title in its upper edge.</summary>
    public void Box(int row, int column, int height, int width, string title)
    {
        string line = new('─', Math.Max(0, width - 2));
        Put(row, column, $"┌{line}┐", Ink.Faint);
        for (int i = 1; i < height - 1; i++)
        {
            Put(row + i, column, "│", Ink.Faint);
            Put(row + i, column + width - 1, "│", Ink.Faint);
        }

        Put(row + height - 1, column, $"└{line}┘", Ink.Faint);
        Put(row, column + 2, $" {title} ", Ink.Cyan, width - 4);
    }

    /// <summary>What must be written so that the terminal shows the picture.</summary>
    public string Changes()
    {
        _text.Clear();
        for (int row = 0; row < Rows; row++)
        {
            string line = Line(row);
            if (_shown[row] != line)
            {
                _shown[row] = line;
                _text.Append($"\e[{row + 1};1H").Append(line);
            }
        }

        // Terminals that know it show the whole picture at once.
        return _text.Length == 0 ? "" : $"\e[?2026h{_text}\e[?2026l";
    }

    private string Line(int row)
    {
        StringBuilder line = new();
        Ink ink = Ink.Plain;
        for (int i = row * Columns; i < (row + 1) * Columns; i++)
        {
            if (_coloured && _inksOfCells[i] != ink)
            {
                ink = _inksOfCells[i];
                line.Append(_inks[(int)ink]);
            }

            line.Append(_cells[i]);
        }

        return _coloured && ink != Ink.Plain ? line.Append(_inks[0]).ToString() : line.ToString();
    }
}
