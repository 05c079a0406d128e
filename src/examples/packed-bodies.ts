import type { Middleware } from 'koa';

/**
 * Refuses packed bodies with 415, before a koa-bodyparser that would unpack them. Once that has given up on a body for its
 * length, nobody listens to what it unpacks with: one that breaks after that would end the process.
 */
export const refusePackedBodies: Middleware = (ctx, next) => {
  const encoding = ctx.get('Content-Encoding').trim().toLowerCase();
  if (encoding !== '' && encoding !== 'identity') ctx.throw(415, 'Expected a body without Content-Encoding');
  return next();
};
