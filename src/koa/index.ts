export { createApp, type CreateAppOptions } from './create-app.js';
export type { ImportBodyFormat, ImportService } from './import-routes.js';
export { taskRoutes, type TaskRoutesOptions } from './task-routes.js';
