using System.Globalization;

namespace Realtime.Chaos;

/// <summary>What a run is to be; each with its bounds.</summary>
internal sealed record ChaosOptions
{
    /// <summary>How long is published and killed. 5 to 86,400 s.</summary>
    public int Seconds { get; private set; } = 60;

    /// <summary>A strike every so many seconds. 1 to 3,600.</summary>
    public double KillEvery { get; private set; } = 5;

    /// <summary>Who publish, and hear their rooms too. 1 to 1,000.</summary>
    public int Publishers { get; private set; } = 40;

    /// <summary>Publishes a second, of all together. 1 to 20,000.</summary>
    public int Rate { get; private set; } = 500;

    /// <summary>Who only hear, each in one room. 1 to 10,000.</summary>
    public int Members { get; private set; } = 200;

    /// <summary>How many in a hundred of the members and publishers are <c>Realtime.Client</c>, every other one without WebSockets. 0 to 100.</summary>
    public int Library { get; private set; } = 25;

    /// <summary>Who hear one room each by server-sent events; unless it is 0, each inbox has such a device too. 0 to 1,000.</summary>
    public int Streams { get; private set; } = 20;

    /// <summary>Who hear one room each, and publish there once a second, in a session without a WebSocket. 0 to 1,000.</summary>
    public int Sessions { get; private set; } = 10;

    /// <summary>1 to 1,000.</summary>
    public int Rooms { get; private set; } = 20;

    /// <summary>Users with an inbox and two devices each, to whom a tenth of <see cref="Rate"/> is written besides. 0 to 1,000.</summary>
    public int Inboxes { get; private set; } = 10;

    /// <summary>1 to 16.</summary>
    public int Fronts { get; private set; } = 2;

    /// <summary>1 to 16.</summary>
    public int Silos { get; private set; } = 3;

    /// <summary>Decides who dies when and how. 0 to 2,147,483,647; random when it is not given.</summary>
    public int Seed { get; private set; } = Random.Shared.Next();

    /// <summary>Whether the room log is in PostgreSQL, or in the memory of the silos.</summary>
    public bool UsesPostgresLog { get; private set; }

    /// <summary>Each silo and each front is a process of its own.</summary>
    public bool UsesProcesses { get; private set; }

    /// <summary>Where histories and logs are written to; nowhere when null.</summary>
    public string? Out { get; private set; }

    private static readonly string[] s_names =
        ["--seconds", "--kill-every", "--publishers", "--rate", "--members", "--library", "--streams", "--sessions", "--rooms", "--inboxes", "--fronts", "--silos", "--seed", "--log", "--out"];

    /// <summary>Reads the command line.</summary>
    /// <exception cref="ArgumentException">An option is unknown, without its value or out of its range.</exception>
    public static ChaosOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new ChaosOptions();
        for (var i = 0; i < arguments.Count; i++)
        {
            var (name, value) = arguments[i].Split('=', 2) is [var before, var after] ? (before, after) : (arguments[i], null);
            if (name == "--processes")
            {
                if (value is not null)
                    throw new ArgumentException("--processes takes no value.");
                options.UsesProcesses = true;
                continue;
            }
            if (!s_names.Contains(name))
                throw new ArgumentException($"chaos has no option '{name}'; see ./realtime help chaos.");
            value ??= i + 1 < arguments.Count ? arguments[++i] : throw new ArgumentException($"{name} needs a value.");
            switch (name)
            {
                case "--seconds": options.Seconds = Whole(5, 86_400); break;
                case "--kill-every": options.KillEvery = Number(1, 3_600); break;
                case "--publishers": options.Publishers = Whole(1, 1_000); break;
                case "--rate": options.Rate = Whole(1, 20_000); break;
                case "--members": options.Members = Whole(1, 10_000); break;
                case "--library": options.Library = Whole(0, 100); break;
                case "--streams": options.Streams = Whole(0, 1_000); break;
                case "--sessions": options.Sessions = Whole(0, 1_000); break;
                case "--rooms": options.Rooms = Whole(1, 1_000); break;
                case "--inboxes": options.Inboxes = Whole(0, 1_000); break;
                case "--fronts": options.Fronts = Whole(1, 16); break;
                case "--silos": options.Silos = Whole(1, 16); break;
                case "--seed": options.Seed = Whole(0, int.MaxValue); break;
                case "--log":
                    options.UsesPostgresLog = value switch
                    {
                        "memory" => false,
                        "postgres" => true,
                        _ => throw new ArgumentException($"--log is '{value}'; it must be memory or postgres."),
                    };
                    break;
                case "--out":
                    options.Out = value.Length > 0 ? value : throw new ArgumentException("--out needs a folder.");
                    break;
            }

            int Whole(int least, int most) =>
                int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
                    ? number
                    : throw new ArgumentException($"{name} is '{value}'; it must be a whole number from {least} to {most}.");

            double Number(double least, double most) =>
                double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
                    ? number
                    : throw new ArgumentException($"{name} is '{value}'; it must be a number from {least} to {most}.");
        }
        return options;
    }
}
