export type { Durability } from './open-database.js';
export type { BackupOptions, BackupResult } from './live-backup.js';
export { sqlite } from './sqlite-backend.js';
export type { SqliteBackend, SqliteOptions } from './sqlite-options.js';
