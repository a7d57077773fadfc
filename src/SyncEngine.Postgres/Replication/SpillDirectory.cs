namespace SyncEngine.Postgres.Replication;

/// <summary>The folder of large transactions. Several engines may share it: a file in use is locked; a crash left the others.</summary>
internal sealed class SpillDirectory(string path)
{
    private const string Suffix = ".spill";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public FileSpool Create()
    {
        Ensure();
        var options = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            Options = FileOptions.DeleteOnClose,
            BufferSize = 0,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerOnly;
        }

        return new FileSpool(new FileStream(Path.Combine(path, Guid.NewGuid().ToString("N") + Suffix), options));
    }

    /// <summary>Deletes the files of crashed processes; returns their number.</summary>
    public int RemoveAbandoned()
    {
        if (!Directory.Exists(path))
        {
            return 0;
        }

        var removed = 0;
        foreach (var file in Directory.EnumerateFiles(path, "*" + Suffix))
        {
            try
            {
                new FileStream(
                    file, FileMode.Open, FileAccess.ReadWrite, FileShare.None, bufferSize: 0, FileOptions.DeleteOnClose).Dispose();
                removed++;
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // In use by another engine.
            }
        }

        return removed;
    }

    private void Ensure()
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
        }
        else
        {
            Directory.CreateDirectory(path, OwnerOnly | UnixFileMode.UserExecute);
        }
    }
}
