using System.Globalization;

namespace Orleans.Streams
{
    /// <summary>Where in a stream an event stands.</summary>
    [GenerateSerializer, Immutable]
    public abstract class StreamSequenceToken : IEquatable<StreamSequenceToken?>, IComparable<StreamSequenceToken?>
    {
        public abstract long SequenceNumber { get; protected set; }

        public abstract int EventIndex { get; protected set; }

        public abstract bool Equals(StreamSequenceToken? other);

        public abstract int CompareTo(StreamSequenceToken? other);
    }
}

namespace Orleans.Providers.Streams.Common
{
    /// <summary>The number of a batch within its stream, and of the event within the batch.</summary>
    [GenerateSerializer, Immutable]
    public class EventSequenceTokenV2 : Orleans.Streams.StreamSequenceToken
    {
        public EventSequenceTokenV2(long seqNumber) => SequenceNumber = seqNumber;

        public EventSequenceTokenV2(long seqNumber, int eventInd) : this(seqNumber) => EventIndex = eventInd;

        [Id(0)]
        public override long SequenceNumber { get; protected set; }

        [Id(1)]
        public override int EventIndex { get; protected set; }

        public override bool Equals(object? obj) => Equals(obj as Orleans.Streams.StreamSequenceToken);

        public override bool Equals(Orleans.Streams.StreamSequenceToken? other) => other is not null && CompareTo(other) == 0;

        public override int CompareTo(Orleans.Streams.StreamSequenceToken? other) => other is null
            ? 1
            : (SequenceNumber, EventIndex).CompareTo((other.SequenceNumber, other.EventIndex));

        public override int GetHashCode() => HashCode.Combine(SequenceNumber, EventIndex);

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"[EventSequenceToken: SeqNum={SequenceNumber}, EventIndex={EventIndex}]");
    }
}
