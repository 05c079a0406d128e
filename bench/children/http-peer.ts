import Router from '@koa/router';
import Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import { z } from 'zod';
import { listen } from './http-listen.js';

const Body = z.object({ task: z.string(), input: z.object({ file: z.string() }) });

const router = new Router();
router.post('/process', (ctx) => {
  ctx.status = 202;
  ctx.body = Body.parse(ctx.request.body);
});
const answer = new Koa().use(bodyParser()).use(router.routes()).callback();
listen((request, response) => void answer(request, response));
