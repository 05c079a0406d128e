import { defineTask, TaskManager } from 'errand';
import { createApp, taskRoutes } from 'errand/koa';
import { z } from 'zod';
import { listen } from './http-listen.js';

const nothing = defineTask({ name: 'nothing', input: z.object({ file: z.string() }), handler: () => undefined });
const manager = new TaskManager({ tasks: [nothing] });
const ignore = (): void => undefined;
const logger = { debug: ignore, info: ignore, warn: ignore, error: console.error };
const app = createApp({ routers: [taskRoutes({ manager, imports: false })], manager, logger });
const answer = app.callback();
listen((request, response) => void answer(request, response));
