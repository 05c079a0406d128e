import { pipeline } from 'node:stream/promises';
import type { Context } from 'koa';
import type { ResultFile, RunHandle } from '../manager/run-handle.js';
import { hasCode } from '../task/errors.js';
import { RequestError } from './request-error.js';
import { CACHE_CONTROL } from './run-answer.js';
import { whenOver } from './when-over.js';

/**
 * Streams the file that is the result of a run, as an attachment: whatever it holds, no browser shows it in the name of
 * the server. Ranges are not offered.
 *
 * @throws {RequestError} 410 where the file is not there any more.
 */
export async function sendFile(ctx: Context, run: RunHandle<unknown>): Promise<void> {
  const file = await openFile(run);
  ctx.respond = false; // Koa would report every client that leaves as an error
  ctx.status = 200;
  ctx.set({
    'Content-Type': file.type,
    'Content-Length': String(file.bytes),
    'Content-Disposition': attachment(file.name),
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "default-src 'none'; sandbox",
    'Accept-Ranges': 'none',
    'Cache-Control': CACHE_CONTROL,
  });
  if (ctx.method === 'HEAD') {
    file.stream.destroy();
    ctx.res.end();
    return;
  }
  // Whoever leaves, or whatever breaks, in the middle: the answer ends without its end, and the file is closed.
  const sent = pipeline(whole(file), ctx.res).catch(() => undefined);
  await Promise.race([sent, whenOver(ctx.req, ctx.res)]);
  file.stream.destroy();
}

async function openFile(run: RunHandle<unknown>): Promise<ResultFile> {
  try {
    return await run.file();
  } catch (error) {
    if (!hasCode(error, 'BACKEND') || error.details['reason'] !== 'ENOENT') throw error;
    throw new RequestError(410, 'NOT_FOUND', 'The file of this run is not there any more', { cause: error });
  }
}

/** A file that has been cut must not look whole, nor keep its client waiting for the rest. */
async function* whole({ stream, bytes }: ResultFile): AsyncGenerator<Buffer> {
  let sent = 0;
  for await (const chunk of stream) {
    const piece = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
    sent += piece.length;
    yield piece;
  }
  if (sent !== bytes) throw new Error(`The file has ${sent} bytes instead of ${bytes}`);
}

/**
 * The name twice: as it is, and in ASCII for clients that know no better.
 *
 * @see https://www.rfc-editor.org/rfc/rfc6266
 */
function attachment(name: string): string {
  const ascii = name.replaceAll(/[^\w .()-]/g, '_');
  const encoded = encodeURIComponent(name).replaceAll(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16)}`);
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
