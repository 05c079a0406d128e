import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import bodyParser from 'koa-bodyparser';
import type { Task, TaskManager } from 'errand';
import { background, backgroundAction, backgroundTasks } from 'errand/koa';
import { z } from 'zod';
import { mailAddress } from '../mail/mail-address.js';
import type { EmailRequest } from '../mail/send-email.js';
import { refusePackedBodies } from '../packed-bodies.js';
import { presentTime } from '../present-time.js';
import type { AuditEntry } from './audit-trail.js';
import { SYSTEMS, type UserNews } from './tell-system.js';
import type { UserStore } from './user-store.js';

/** What {@link registerRoute} takes. */
export interface RegisterOptions {
  readonly manager: TaskManager;
  readonly users: UserStore;
  readonly sendEmail: Task<EmailRequest, unknown>;
  readonly writeAudit: Task<AuditEntry, unknown>;
  readonly tellSystem: Task<UserNews, unknown>;
  /** Where it is. `/examples/users` unless given. */
  readonly path?: string;
  /** For tests: the time of day, in epoch milliseconds. */
  readonly now?: () => number;
}

const newUser = z.strictObject({
  // It goes into the subject of a mail.
  name: z
    .string()
    .regex(/^[^\p{Cc}\p{Cs}\u2028\u2029]{1,100}$/u, { error: 'Expected a name of 1 to 100 characters, on one line' }),
  email: mailAddress,
});

/**
 * `POST /examples/users` registers somebody, and answers 201 at once. The welcome mail, the line in the audit trail and the
 * news to other systems come after the response; none of them holds another up, or makes the registration fail.
 */
export function registerRoute(options: RegisterOptions): Router {
  const { manager, users, sendEmail, writeAudit, tellSystem, path = '/examples/users', now = presentTime } = options;
  const auditor = backgroundAction((list, action: string, id: string) => list.add(writeAudit, { action, id }));
  const register = (ctx: Context): void => {
    const asked = newUserOf(ctx);
    const registered = users.register(asked, now());
    if (registered === undefined) return ctx.throw(409, 'This address is registered already');
    const { user, session } = registered;
    auditor(ctx)('user.registered', user.id);
    const after = background(ctx);
    for (const system of SYSTEMS) after.add(tellSystem, { system, userId: user.id }, { parallel: true });
    // A mail that has to be sent again takes minutes: nothing waits for it.
    after.add(sendEmail, { to: user.email, template: 'welcome', values: { name: user.name } }, { parallel: true });
    ctx.status = 201;
    ctx.set('Cache-Control', 'no-store'); // there is a key to the account in it
    const { token, expiresAt } = session;
    ctx.body = { id: user.id, ...asked, session: { token, expiresAt: new Date(expiresAt).toISOString() } };
  };
  const router = new Router();
  router.post(
    path,
    backgroundTasks({ manager }),
    onlyJson,
    refusePackedBodies,
    bodyParser({ enableTypes: ['json'], jsonLimit: '16kb' }),
    register,
  );
  return router;
}

/** The parser takes what is not JSON for an empty object. */
const onlyJson: Middleware = (ctx, next) => {
  if (ctx.is('application/json') === false) ctx.throw(415, 'Expected Content-Type: application/json');
  return next();
};

function newUserOf(ctx: Context): z.output<typeof newUser> {
  const parsed = newUser.safeParse(ctx.request.body);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return ctx.throw(422, `${issue?.path.join('/') ?? ''} ${issue?.message ?? 'malformed'}`.trim());
}
