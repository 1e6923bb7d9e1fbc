using Realtime.Chaos.Checking;

namespace Realtime.Chaos.Clients;

/// <summary>A member who publishes too.</summary>
internal interface IPublishingMember : IMember
{
    /// <summary>Tells clients apart.</summary>
    string Name { get; }

    /// <summary>Messages without an answer.</summary>
    int Unanswered { get; }

    /// <summary>Sends a message as soon as it can, and again until it is answered.</summary>
    void Publish(Publish publish);

    /// <summary>What has no answer is not waited for any more.</summary>
    void GiveUp(string why);
}
