export { createApp, type CreateAppOptions } from './create-app.js';
export type { ImportService } from './import-routes.js';
export { importRuns, type ImportOptions, type ImportRequest, type ImportRuns } from '../imports/import-runs.js';
export type { ImportFormat } from '../imports/import-record.js';
export type { ImportResult } from '../imports/import-run.js';
export { fileFolder, type FileFolderOptions } from '../backends/files/file-folder.js';
export { FileTooLargeError } from '../ports/files.js';
export type { FileStore } from '../ports/files.js';
export { taskRoutes, type TaskRoutesOptions } from './task-routes.js';
