import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Router from '@koa/router';
import Koa from 'koa';
import bodyParser from 'koa-bodyparser';
import { taskRoutes } from 'errand/koa'; //                      line 1 of 5
import { TaskManager } from 'errand'; //                         line 2 of 5
import { Catalogue } from './catalogue.js';
import { importProductsInto } from './import-products.js';
import { readMailSettings } from './mail/mail-settings.js';
import { sendEmailWith } from './mail/send-email.js';
import { shopTemplates } from './mail/templates.js';
import { refusePackedBodies } from './packed-bodies.js';
import { slowReport } from './slow-report.js';
import { AuditTrail, writeAuditInto } from './users/audit-trail.js';
import { registerRoute } from './users/register-route.js';
import { KnownUsers, tellSystemOf } from './users/tell-system.js';
import { UserStore } from './users/user-store.js';

/*
 * A shop that was there before Errand, with its own answers to errors, its own sign-in check, body parser and routes.
 * Five lines give it tasks that can be started, watched and cancelled by whoever is signed in. To run it:
 * `npm run build && node dist/examples/monolith.js`.
 */
const catalogue = new Catalogue();
let orders = 0;
const app = new Koa();

app.use(async (ctx, next) => {
  try {
    await next();
  } catch (error) {
    const { status = 500, message } = error as { status?: number; message: string };
    ctx.status = status;
    ctx.body = { error: status < 500 ? message : 'Something went wrong in the shop' };
  }
});

app.use(async (ctx, next) => {
  // A real shop would look the token up.
  if (ctx.path !== '/' && ctx.get('Authorization') !== 'Bearer open-sesame') ctx.throw(401, 'Sign in first');
  await next();
});

app.use(refusePackedBodies);
app.use(bodyParser());

const shop = new Router();
shop.get('/', (ctx) => {
  ctx.body = { shop: 'Tidemark Goods', products: catalogue.size };
});
shop.get('/products/:handle', (ctx) => {
  const product = catalogue.get(String(ctx.params['handle']));
  if (product === undefined) ctx.throw(404, 'There is no such product');
  ctx.body = product;
});
shop.post('/orders', (ctx) => {
  orders += 1;
  ctx.status = 201;
  ctx.body = { number: orders, order: ctx.request.body };
});
app.use(shop.routes());

const manager = new TaskManager({ tasks: [importProductsInto(catalogue), slowReport] }); //        line 3 of 5
app.use(taskRoutes({ manager }).routes()); //                                                      line 4 of 5

// Work of its own: who registers is answered at once; the welcome mail and the rest come after the response.
const register = {
  ...{ manager, users: new UserStore(), path: '/users' },
  sendEmail: sendEmailWith({ settings: () => readMailSettings(process.env), templates: shopTemplates }),
  writeAudit: writeAuditInto(new AuditTrail()),
  tellSystem: tellSystemOf(new KnownUsers()),
};
app.use(registerRoute(register).routes());

const answer = app.callback();
const server = createServer((req, res) => void answer(req, res));
// The manager first: until its work has ended, whoever watches it is answered. Line 5 of 5:
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void manager.close().then(() => server.close()));
server.listen(Number(process.env['PORT'] ?? 3001), '127.0.0.1', () => {
  console.log(`The shop listens on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
