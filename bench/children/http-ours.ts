import { defineTask, TaskManager } from 'errand';
import { createApp, taskRoutes } from 'errand/koa';
import { sqlite } from 'errand/sqlite';
import { z } from 'zod';
import { listen } from './http-listen.js';
import { newPath } from './sqlite-file.js';

// node http-ours.js [sqlite]

const nothing = defineTask({ name: 'nothing', input: z.object({ file: z.string() }), handler: () => undefined });
const manager = new TaskManager({
  tasks: [nothing],
  ...(process.argv[2] === 'sqlite' && { backend: sqlite({ file: newPath() }) }),
});
const ignore = (): void => undefined;
const logger = { debug: ignore, info: ignore, warn: ignore, error: console.error };
const app = createApp({ routers: [taskRoutes({ manager, imports: false })], manager, logger });
const answer = app.callback();
listen((request, response) => void answer(request, response));
