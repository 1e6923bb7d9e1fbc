using System.Text.Json;
using Realtime.Chaos.Checking;

namespace Realtime.Chaos.Clients;

/// <summary>The fields of a frame of the protocol that a client here looks at; absent ones are null.</summary>
internal readonly record struct ServerFrame(string Type, string? Id, string? Room, string? To, Position At, bool? Recovered, string? Content, string? Code)
{
    public static ServerFrame Parse(ReadOnlySpan<byte> utf8)
    {
        var reader = new Utf8JsonReader(utf8);
        var (type, id, room, to, epoch, content, code) = ("", default(string), default(string), default(string), "", default(string), default(string));
        var sequence = 0L;
        bool? recovered = null;
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var field = reader.GetString();
            reader.Read();
            switch (field)
            {
                case "type": type = reader.GetString()!; break;
                case "id": id = reader.GetString(); break;
                case "room": room = reader.GetString(); break;
                case "to": to = reader.GetString(); break;
                case "epoch": epoch = reader.GetString()!; break;
                case "seq": sequence = reader.GetInt64(); break;
                case "recovered": recovered = reader.GetBoolean(); break;
                case "content": content = reader.GetString(); break;
                case "code": code = reader.GetString(); break;
                default: reader.Skip(); break;
            }
        }
        return new ServerFrame(type, id, room, to, new Position(epoch, sequence), recovered, content, code);
    }
}
