using Microsoft.Extensions.Logging;
using Npgsql;

namespace SyncEngine.Connectors.Targets;

/// <summary>The parts that a target may use, besides its own options.</summary>
/// <param name="Database">The outbox's database.</param>
/// <param name="Services">The host's services, for what only some targets need.</param>
public sealed record TargetParts(
    NpgsqlDataSource Database, IServiceProvider Services, TimeProvider Time, Random Random, ILoggerFactory Loggers);

/// <summary>A kind of target: its name, its section of the configuration, and its factory.</summary>
public sealed class TargetKind
{
    private readonly Func<object?, bool> isConfigured;
    private readonly Func<object?, string?> problem;
    private readonly Func<object?, TargetParts, IMessageTarget> create;

    private TargetKind(
        string name, Func<object?, bool> isConfigured, Func<object?, string?> problem, Func<object?, TargetParts, IMessageTarget> create)
    {
        Name = name;
        this.isConfigured = isConfigured;
        this.problem = problem;
        this.create = create;
    }

    /// <summary>The name that the configuration uses, in lower case.</summary>
    public string Name { get; }

    /// <summary>Null for a target without options.</summary>
    public string? Section { get; private init; }

    /// <summary>The record that the section is bound to. Null for a target without options.</summary>
    public Type? OptionsType { get; private init; }

    public bool HasOptions => OptionsType is not null;

    /// <summary>A target that needs only the database.</summary>
    public static TargetKind Of(string name, Func<TargetParts, IMessageTarget> create) =>
        new(name, _ => true, _ => null, (_, parts) => create(parts));

    /// <param name="isConfigured">True when the options are enough to send with.</param>
    /// <param name="problem">
    /// Describes in one line why the target cannot send with these options, and names the option. Null when it can.
    /// </param>
    public static TargetKind Of<TOptions>(
        string name, string section,
        Func<TOptions, bool> isConfigured, Func<TOptions, string?> problem, Func<TOptions, TargetParts, IMessageTarget> create)
        where TOptions : class =>
        new(
            name, options => isConfigured((TOptions)options!), options => problem((TOptions)options!),
            (options, parts) => create((TOptions)options!, parts))
        {
            Section = section,
            OptionsType = typeof(TOptions),
        };

    public bool IsConfigured(object? options) => isConfigured(options);

    public string? Problem(object? options) => problem(options);

    public IMessageTarget Create(object? options, TargetParts parts) => create(options, parts);
}
