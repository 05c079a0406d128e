export type { Durability } from './database-file.js';
export { sqlite, type SqliteOptions } from './sqlite-backend.js';
