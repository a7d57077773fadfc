using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using SyncEngine.Errors;
using AuthenticationOptions = SyncEngine.Server.Options.AuthenticationOptions;

namespace SyncEngine.Server.Authentication;

/// <summary>ASP.NET Core's JWT bearer scheme with our keys and checks, and the token of sockets in the query.</summary>
sealed class BearerScheme(AuthenticationOptions authentication, KeyRing keys, TimeProvider time) : IConfigureNamedOptions<JwtBearerOptions>
{
    public const string Name = JwtBearerDefaults.AuthenticationScheme;

    public void Configure(JwtBearerOptions options) => Configure(Name, options);

    public void Configure(string? name, JwtBearerOptions options)
    {
        // Keys are the key ring's alone; the framework would read others for an authority of its own configuration.
        options.Authority = null;
        options.MetadataAddress = null!;
        options.TimeProvider = time;
        options.MapInboundClaims = false;
        options.SaveToken = false;
        options.TokenValidationParameters = StrictTokenHandler.ParametersOf(authentication, keys);
        options.TokenHandlers.Clear();
        options.TokenHandlers.Add(new StrictTokenHandler(authentication, keys, time));
        options.Events = new JwtBearerEvents { OnMessageReceived = ReadToken, OnChallenge = DescribeRefusal };
    }

    private static Task ReadToken(MessageReceivedContext context)
    {
        try
        {
            context.Token = BearerToken.Of(context.HttpContext);
            if (context.Token is null)
            {
                // Otherwise the handler reads the header once more, by rules of its own.
                context.NoResult();
            }
        }
        catch (SyncException refusal)
        {
            context.Fail(refusal);
        }

        return Task.CompletedTask;
    }

    private static Task DescribeRefusal(JwtBearerChallengeContext context)
    {
        if (context.AuthenticateFailure is { } failure)
        {
            var isExpired = failure is SyncException { Code: var code } && code == ErrorCode.TokenExpired;
            context.ErrorDescription = isExpired ? "the token has expired" : "the token is not accepted";
        }

        return Task.CompletedTask;
    }
}
