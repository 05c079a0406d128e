import Router from '@koa/router';
import Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import { z } from 'zod';
import { listen } from './http-listen.js';

const Body = z.object({ task: z.string(), input: z.object({ file: z.string() }) });
/** As long as the answer to a start. */
const answerText = JSON.stringify({ run: 'x'.repeat(640) });

const router = new Router();
router.post('/process', (ctx) => {
  Body.parse(ctx.request.body);
  ctx.status = 202;
  ctx.set('Location', '/process/01m7y7hdde0001a29gk909tckv');
  ctx.set('Retry-After', '1');
  ctx.set('Cache-Control', 'private, no-cache');
  ctx.type = 'application/json; charset=utf-8';
  ctx.body = answerText;
});
const answer = new Koa().use(bodyParser()).use(router.routes()).callback();
listen((request, response) => void answer(request, response));
