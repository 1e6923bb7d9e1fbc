using Realtime.Server;
using Realtime.Silo.Hosting;

// The one executable. Cluster:Role decides: everything in one process, or a silo or a front of a cluster, or its database is made.
return await HostProcess.Run(() =>
{
    var builder = WebApplication.CreateBuilder(args);
    SecretFiles.Add(builder.Configuration);
    var role = builder.Configuration[$"{ClusterSettings.Section}:{nameof(ClusterSettings.Role)}"];
    DefaultLog.Add(builder, role);
    AllSettings.Check(builder.Configuration, builder.Environment, role);
    return role switch
    {
        "silo" => SiloRole.Build(builder),
        "migrate" => MigrateRole.Build(builder),
        _ => FrontRole.Build(builder),
    };
});
