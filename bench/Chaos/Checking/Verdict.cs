namespace Realtime.Chaos.Checking;

/// <summary>What may not happen, whatever dies.</summary>
public enum Rule
{
    /// <summary>A member misses a message, and nothing told it.</summary>
    SilentGap,

    /// <summary>A member was handed a message twice, or one publish has two positions.</summary>
    Duplicate,

    /// <summary>Numbers that go back, or that stand for different messages at different members.</summary>
    Reorder,

    /// <summary>An acknowledged message is not where its receipt says.</summary>
    LostAck,

    /// <summary>An epoch has ended although the log outlives silos.</summary>
    LostHistory,

    /// <summary>A member or a room was not back at the end, long after the last kill.</summary>
    NotBack,
}

/// <summary>A broken rule.</summary>
/// <param name="Client">The member that saw it; null when it is the room's.</param>
public sealed record Finding(Rule Rule, string Room, string? Client, string What)
{
    public override string ToString() => $"{Rule} in {Room}{(Client is null ? "" : $" at {Client}")}: {What}";
}

/// <summary>What the checker has found.</summary>
/// <param name="GapsFlagged">How often a member was told that it may miss messages: no fault by itself.</param>
public sealed record Verdict(IReadOnlyList<Finding> Findings, int GapsFlagged)
{
    public int Count(Rule rule) => Findings.Count(finding => finding.Rule == rule);
}
