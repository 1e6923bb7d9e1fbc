using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;

namespace Realtime.WebFront.Security;

/// <summary>The scheme <see cref="RealtimeSchemes.Bearer"/>: the framework's, under a type that tells it from one of the application's.</summary>
internal sealed class BearerHandler(IOptionsMonitor<JwtBearerOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : JwtBearerHandler(options, logger, encoder);
