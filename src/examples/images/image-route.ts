import multer from '@koa/multer';
import Router from '@koa/router';
import type { Context, Middleware } from 'koa';
import type { TaskManager } from 'errand';
import { presentTime } from '../present-time.js';
import { makeThumbnail, thumbnailId } from './make-thumbnail.js';
import { wrongWithPicture } from './picture.js';
import { Uploads, uploadFolder } from './uploads.js';

/** The longest picture, in bytes. */
export const MAX_BYTES = 20_971_520;
/** The most files that wait to be made smaller. */
const MAX_WAITING = 100;
/** How long nothing of an upload may come, in milliseconds: it takes the place of one that would. */
const IDLE_MS = 30_000;

/** What {@link imageRoute} takes. */
export interface ImageRouteOptions {
  readonly manager: TaskManager;
  /** For tests: how long nothing of an upload may come, in milliseconds. */
  readonly idleMs?: number;
}

/**
 * `POST /examples/images` takes a picture as the part `image` of a form, streams it to the disk, and starts a run for it: 202.
 * 413 over 20 MiB, 422 for what is no picture or has too many pixels, 429 while too many wait. A client of which nothing comes for
 * 30 seconds is cut off.
 */
export function imageRoute({ manager, idleMs = IDLE_MS }: ImageRouteOptions): Router {
  const router = new Router();
  router.post('/examples/images', room, uploadOf(idleMs), async (ctx) => {
    const { filename } = pictureOf(ctx);
    const uploads = new Uploads(uploadFolder(process.env));
    try {
      const wrong = await wrongWithPicture(uploads.pathOf(filename));
      if (wrong !== undefined) ctx.throw(422, wrong);
      const run = await manager.start(makeThumbnail, undefined, { id: thumbnailId(filename) });
      ctx.status = 202;
      ctx.set('Location', `/process/${run.id}`);
      ctx.body = { id: run.id, links: { self: `/process/${run.id}`, result: `/process/${run.id}/result` } };
    } catch (error) {
      await uploads.remove(filename);
      throw error;
    }
  });
  return router;
}

const room: Middleware = async (ctx, next) => {
  const uploads = new Uploads(uploadFolder(process.env));
  if ((await uploads.count(presentTime())) >= MAX_WAITING) {
    ctx.set('Retry-After', '5');
    ctx.throw(429, 'Too many pictures wait: try again later');
  }
  await next();
};

const form = multer({
  storage: multer.diskStorage({
    destination: (_req, _file, done) => done(null, uploadFolder(process.env)),
    filename: (_req, _file, done) => done(null, Uploads.newName()),
  }),
  // One file, and nothing beside it.
  limits: { fileSize: MAX_BYTES, files: 1, fields: 0, parts: 1, headerPairs: 20 },
}).single('image');

/** What multer throws is no fault of the server; it has removed what it has written. */
function uploadOf(idleMs: number): Middleware {
  return async (ctx, next) => {
    if (ctx.is('multipart/form-data') === false) ctx.throw(415, 'Expected Content-Type: multipart/form-data');
    ctx.req.setTimeout(idleMs, () => ctx.req.destroy());
    try {
      await form(ctx, () => Promise.resolve());
    } catch (error) {
      const code: unknown = Reflect.get(Object(error), 'code');
      if (code === 'LIMIT_FILE_SIZE') ctx.throw(413, `The picture must be at most ${MAX_BYTES} bytes`);
      if (typeof code === 'string' && !code.startsWith('LIMIT_')) throw error; // the disk
      ctx.throw(400, 'Expected a form with one part, image, that is a file');
    } finally {
      ctx.req.setTimeout(0); // the connection may go on with another request
    }
    await next();
  };
}

function pictureOf(ctx: Context): { readonly filename: string } {
  const file = ctx.request.file as { readonly filename: string } | undefined;
  return file ?? ctx.throw(422, 'Expected the part image, with a picture');
}
