namespace Realtime.Settings;

/// <summary>
/// Settings that depend on each other, or that attributes cannot describe. What a single setting may be says
/// <see cref="System.ComponentModel.DataAnnotations.RangeAttribute"/>, <see cref="System.ComponentModel.DataAnnotations.AllowedValuesAttribute"/>
/// or <see cref="System.ComponentModel.DataAnnotations.StringLengthAttribute"/>.
/// </summary>
internal interface ISettings
{
    /// <summary>What is wrong; nothing when all is well.</summary>
    IEnumerable<SettingProblem> Problems();
}

/// <summary>What is wrong with a setting.</summary>
/// <param name="Setting">Its name, below the section or entry that says so.</param>
/// <param name="Says">The rest of the sentence: what it is, unless that is secret, and what is allowed.</param>
internal readonly record struct SettingProblem(string Setting, string Says);
