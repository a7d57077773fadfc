-- Run by `-- setup`, and at the start on the embedded server: the schema of everything that the engine keeps in a database.
CREATE SCHEMA IF NOT EXISTS sync;
COMMENT ON SCHEMA sync IS 'Objects of SyncEngine. Remove them with its command "uninstall".';
GRANT USAGE ON SCHEMA sync TO PUBLIC;
