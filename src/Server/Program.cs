using Realtime.Server;
using Realtime.Silo.Hosting;

// The one executable. Cluster:Role decides: everything in one process, or a silo or a front of a cluster.
return await HostProcess.Run(() =>
{
    var builder = WebApplication.CreateBuilder(args);
    var role = builder.Configuration[$"{ClusterSettings.Section}:{nameof(ClusterSettings.Role)}"];
    AllSettings.Check(builder.Configuration, builder.Environment, role);
    return role == "silo" ? SiloRole.Build(builder) : FrontRole.Build(builder);
});
