using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace SyncEngine.AblySimulator;

/// <summary>One request, from its first line to its answer.</summary>
sealed class RequestHandler(SimulatedAbly simulator, HttpContext context)
{
    private const string ChannelsPrefix = "/channels/";
    private const string MessagesSuffix = "/messages";
    private const string KeysPrefix = "/keys/";
    private const string TokenSuffix = "/requestToken";

    private SimulatorOptions Options => simulator.Options;

    private string? Authorization => context.Request.Headers.Authorization;

    public async Task HandleAsync()
    {
        try
        {
            var body = await ReadBodyAsync();
            var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
            simulator.Record(() => new RecordedRequest(
                Options.Time.GetUtcNow(),
                context.Request.Method,
                target,
                context.Request.Headers.ToDictionary(
                    header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase),
                Encoding.UTF8.GetString(body.Span)));
            await RouteAsync(target.Split('?')[0], body);
        }
        catch (AblyException exception)
        {
            await AnswerAsync(exception.Error);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or BadHttpRequestException)
        {
            context.Abort(); // the caller has disconnected
        }
    }

    private Task RouteAsync(string path, ReadOnlyMemory<byte> body)
    {
        switch (context.Request.Method)
        {
            case "POST" when string.Equals(path, MessagesSuffix, StringComparison.Ordinal):
                return PublishBatchAsync(body);
            case "POST" when Between(path, ChannelsPrefix, MessagesSuffix) is { } channel:
                return PublishAsync(Uri.UnescapeDataString(channel), body);
            case "POST" when Between(path, KeysPrefix, TokenSuffix) is { } key:
                return RequestTokenAsync(Uri.UnescapeDataString(key), body);
            case "GET" when string.Equals(path, "/time", StringComparison.Ordinal):
                return AnswerAsync(200, Encoding.UTF8.GetBytes($"[{Options.Time.GetUtcNow().ToUnixTimeMilliseconds()}]"));
            case "GET" when string.Equals(path, "/auth", StringComparison.Ordinal) && simulator.AuthAnswer is { } answer:
                var (contentType, text) = answer();
                return AnswerAsync(200, Encoding.UTF8.GetBytes(text), contentType);
            default:
                throw new AblyException(new AblyError(404, 40400, "there is nothing at this address"));
        }
    }

    private async Task PublishAsync(string channel, ReadOnlyMemory<byte> body)
    {
        var fault = simulator.Script.ForSingle(channel);
        var capability = Admit();
        using var document = Parse(body);
        var publish = Publish.Read(document.RootElement, Options.MaxMessageBytes);
        if (await StrikeBeforeAsync(fault, [(channel, publish)], inBatch: false))
        {
            return;
        }

        if ((Check(channel, capability) ?? simulator.Store(channel, publish, inBatch: false)) is { } error)
        {
            throw new AblyException(error);
        }

        if (!await StrikeAfterAsync(fault))
        {
            await AnswerAsync(201, Json(writer => WriteResult(writer, channel, publish, error: null)));
        }
    }

    private async Task PublishBatchAsync(ReadOnlyMemory<byte> body)
    {
        if (body.Length > BatchSpec.MaxBodyBytes)
        {
            throw new AblyException(new AblyError(413, 40009, $"the batch has {body.Length} bytes, of at most {BatchSpec.MaxBodyBytes}"));
        }

        using var document = Parse(body);
        var specs = BatchSpec.Read(document.RootElement, Options);
        var fault = simulator.Script.ForBatch([.. specs.SelectMany(spec => spec.Channels)]);
        var capability = Admit();
        if (await StrikeBeforeAsync(
            fault,
            [.. specs.SelectMany(spec => spec.Channels.Where(_ => spec.Publish is not null).Select(channel => (channel, spec.Publish!)))],
            inBatch: true))
        {
            return;
        }

        var results = specs
            .Select(spec => spec.Channels
                .Select(channel => (Channel: channel, spec.Publish, Error: PublishSpec(spec, channel, capability)))
                .ToArray())
            .ToArray();
        if (!await StrikeAfterAsync(fault))
        {
            await AnswerBatchAsync(results);
        }
    }

    private AblyError? PublishSpec(BatchSpec spec, string channel, Capability capability)
    {
        if (spec.Publish is null)
        {
            return spec.Error;
        }

        if (simulator.Script.ForSpec(channel) is { } refusal)
        {
            simulator.Refuse(channel, spec.Publish, inBatch: true, refusal.Code);
            return new AblyError(refusal.Status, refusal.Code, "as the script says");
        }

        return Check(channel, capability) ?? simulator.Store(channel, spec.Publish, inBatch: true);
    }

    private async Task RequestTokenAsync(string key, ReadOnlyMemory<byte> body)
    {
        var fault = simulator.Script.ForTokens();
        if (await StrikeBeforeAsync(fault, [], inBatch: false))
        {
            return;
        }

        using var document = Parse(body);
        var details = simulator.Credentials.RequestToken(key, document.RootElement, Authorization);
        if (!await StrikeAfterAsync(fault))
        {
            await AnswerAsync(201, details);
        }
    }

    /// <summary>Checks the credentials, and the account's rate limit.</summary>
    private Capability Admit()
    {
        var capability = simulator.Credentials.Authenticate(Authorization);
        return simulator.TakesRequest() ? capability : throw new AblyException(
            new AblyError(429, 42918, "the account's limit of requests a second is exceeded"));
    }

    private static AblyError? Check(string channel, Capability capability) =>
        channel.Length == 0 || channel[0] is '[' or ':' || channel.Contains('\n', StringComparison.Ordinal) ? new AblyError(
            400, 40010, "the channel's name is not valid")
        : capability.AllowsPublishing(channel) ? null
        : new AblyError(401, 40160, "the credentials do not allow publishing on the channel");

    /// <returns>True when the request has been answered, or dropped.</returns>
    private async Task<bool> StrikeBeforeAsync(
        ScriptedFault? scripted, IReadOnlyList<(string Channel, Publish Publish)> publishes, bool inBatch)
    {
        switch (scripted?.Fault)
        {
            case Fault.Refuse refuse:
                RefuseAll(refuse.Code);
                await AnswerAsync(new AblyError(refuse.Status, refuse.Code, "as the script says", refuse.RetryAfter));
                return true;
            case Fault.Reset:
                RefuseAll(code: 0);
                context.Abort();
                return true;
            case Fault.ContentNetwork network:
                RefuseAll(code: 0);
                context.Response.Headers.Server = "CloudFront";
                await AnswerAsync(network.Status, "<html>the request could not be satisfied</html>"u8.ToArray(), "text/html");
                return true;
            case Fault.Impostor impostor:
                RefuseAll(code: 0);
                await AnswerAsync(impostor.Status, System.Text.Encoding.UTF8.GetBytes(impostor.Body), impostor.ContentType);
                return true;
            case Fault.Missing missing:
                RefuseAll(code: 40400);
                await AnswerAsync(new AblyError(missing.Status, missing.Status * 100, "there is nothing at this address"));
                return true;
            case Fault.Hang:
                await scripted.Lifted.WaitAsync(context.RequestAborted);
                return false;
            case Fault.Delay delay:
                await Task.Delay(delay.Wait, Options.Time, context.RequestAborted);
                return false;
            default:
                return false;
        }

        void RefuseAll(int code)
        {
            foreach (var (channel, publish) in publishes)
            {
                simulator.Refuse(channel, publish, inBatch, code);
            }
        }
    }

    private async Task<bool> StrikeAfterAsync(ScriptedFault? scripted)
    {
        switch (scripted?.Fault)
        {
            case Fault.LoseAnswer:
                context.Abort();
                return true;
            case Fault.StoreThenFail fail:
                await AnswerAsync(new AblyError(fail.Status, fail.Code, "as the script says"));
                return true;
            default:
                return false;
        }
    }

    private Task AnswerBatchAsync((string Channel, Publish? Publish, AblyError? Error)[][] specs)
    {
        var failed = specs.Sum(results => results.Count(result => result.Error is not null));
        return Options.BatchShape switch
        {
            BatchShape.CountedPerSpec => AnswerAsync(201, Json(writer =>
            {
                writer.WriteStartArray();
                foreach (var results in specs)
                {
                    WriteCounted(writer, results);
                }

                writer.WriteEndArray();
            })),
            BatchShape.Counted => AnswerAsync(201, Json(writer => WriteCounted(writer, [.. specs.SelectMany(results => results)]))),
            _ when failed == 0 => AnswerAsync(201, Json(writer => WriteResults(writer, specs.SelectMany(results => results)))),
            _ => AnswerAsync(400, Json(writer =>
            {
                writer.WriteStartObject();
                WriteError(writer, new AblyError(400, 40020, "some of the batch failed"));
                writer.WritePropertyName("batchResponse");
                WriteResults(writer, specs.SelectMany(results => results));
                writer.WriteEndObject();
            }), code: 40020),
        };
    }

    private static void WriteCounted(Utf8JsonWriter writer, (string Channel, Publish? Publish, AblyError? Error)[] results)
    {
        writer.WriteStartObject();
        writer.WriteNumber("successCount", results.Count(result => result.Error is null));
        writer.WriteNumber("failureCount", results.Count(result => result.Error is not null));
        writer.WritePropertyName("results");
        WriteResults(writer, results);
        writer.WriteEndObject();
    }

    private static void WriteResults(Utf8JsonWriter writer, IEnumerable<(string Channel, Publish? Publish, AblyError? Error)> results)
    {
        writer.WriteStartArray();
        foreach (var (channel, publish, error) in results)
        {
            WriteResult(writer, channel, publish, error);
        }

        writer.WriteEndArray();
    }

    private static void WriteResult(Utf8JsonWriter writer, string channel, Publish? publish, AblyError? error)
    {
        writer.WriteStartObject();
        writer.WriteString("channel", channel);
        if (error is null)
        {
            writer.WriteString("messageId", publish?.IdempotencyId ?? Guid.NewGuid().ToString("N"));
        }
        else
        {
            WriteError(writer, error);
        }

        writer.WriteEndObject();
    }

    private static void WriteError(Utf8JsonWriter writer, AblyError error)
    {
        writer.WriteStartObject("error");
        writer.WriteNumber("code", error.Code);
        writer.WriteString("message", error.Message);
        writer.WriteNumber("statusCode", error.Status);
        writer.WriteEndObject();
    }

    private Task AnswerAsync(AblyError error)
    {
        if (error.RetryAfter is { } wait)
        {
            context.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }

        context.Response.Headers["X-Ably-ErrorMessage"] = error.Message;
        return AnswerAsync(error.Status, Json(writer =>
        {
            writer.WriteStartObject();
            WriteError(writer, error);
            writer.WriteEndObject();
        }), code: error.Code);
    }

    private async Task AnswerAsync(int status, ReadOnlyMemory<byte> body, string contentType = "application/json", int code = 0)
    {
        var response = context.Response;
        response.StatusCode = status;
        response.ContentType = contentType;
        response.ContentLength = body.Length;
        if (code != 0)
        {
            response.Headers["X-Ably-ErrorCode"] = code.ToString(CultureInfo.InvariantCulture);
        }

        await response.Body.WriteAsync(body, context.RequestAborted);
    }

    private async Task<ReadOnlyMemory<byte>> ReadBodyAsync()
    {
        if (context.Request.ContentLength is { } length and > 0)
        {
            var body = new byte[length];
            await context.Request.Body.ReadExactlyAsync(body, context.RequestAborted);
            return body;
        }

        using var buffer = new MemoryStream();
        await context.Request.Body.CopyToAsync(buffer, context.RequestAborted);
        return buffer.ToArray();
    }

    private JsonDocument Parse(ReadOnlyMemory<byte> body)
    {
        if (context.Request.ContentType is not { } type || !type.StartsWith("application/json", StringComparison.OrdinalIgnoreCase))
        {
            throw new AblyException(AblyError.BadRequest("the body is application/json"));
        }

        try
        {
            return JsonDocument.Parse(body);
        }
        catch (JsonException)
        {
            throw new AblyException(AblyError.BadRequest("the body is not JSON"));
        }
    }

    private static ReadOnlyMemory<byte> Json(Action<Utf8JsonWriter> write)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            write(writer);
        }

        return buffer.WrittenMemory;
    }

    /// <summary>Returns the text between two others; null when they are not around it, or when it has a slash.</summary>
    private static string? Between(string path, string prefix, string suffix) =>
        path.Length >= prefix.Length + suffix.Length
        && path.StartsWith(prefix, StringComparison.Ordinal)
        && path.EndsWith(suffix, StringComparison.Ordinal)
        && !path[prefix.Length..^suffix.Length].Contains('/', StringComparison.Ordinal)
            ? path[prefix.Length..^suffix.Length]
            : null;
}
