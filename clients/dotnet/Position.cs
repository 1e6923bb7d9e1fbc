namespace Realtime.Client;

/// <summary>
/// A place in a room or an inbox. Messages count 1, 2, 3 .. within an epoch; a new epoch means that the history was lost. Keep that of the last
/// message that was handled, to go on from there after a restart.
/// </summary>
/// <param name="Epoch">As the server gave it: 1 to 128 characters.</param>
/// <param name="Sequence">The number of a message; 0 is before the first.</param>
public readonly record struct Position(string Epoch, long Sequence)
{
    /// <summary>Whether it is no place at all: the default value.</summary>
    public bool IsNone => Epoch is null;

    /// <inheritdoc/>
    public override string ToString() => IsNone ? "" : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Epoch}/{Sequence}");
}
