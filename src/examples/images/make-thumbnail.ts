import { createReadStream } from 'node:fs';
import { defineTask, NonRetryableError } from 'errand';
import { threadModule } from 'errand/thread';
import { z } from 'zod';
import type * as shrink from './shrink.js';
import { Uploads, uploadFolder } from './uploads.js';

/** Makes one picture smaller, in a thread: a child of {@link makeThumbnail}. */
export const shrinkImage = defineTask({
  name: 'shrink-image',
  input: z.strictObject({
    name: z.string().refine((name) => Uploads.isName(name), { error: 'Expected the name of an upload' }),
  }),
  queue: 'images',
  limits: { concurrency: 2, softLimitMs: 40_000, hardLimitMs: 45_000 },
  executor: 'thread',
  module: threadModule<typeof shrink>(new URL('./shrink.js', import.meta.url)),
});

const ID = 'thumbnail-';

/** The id of the run for an upload: it says which, so that the run needs no input, and whoever sees it end knows what to remove. */
export function thumbnailId(upload: string): string {
  return `${ID}${upload}`;
}

/**
 * Makes a thumbnail of an upload, which is the run's result: it lives as long as the run's record. The upload goes when the run
 * has ended, however that ends.
 */
export const makeThumbnail = defineTask({
  name: 'make-thumbnail',
  input: z.undefined(),
  queue: 'images',
  limits: { concurrency: 4 },
  handler: async (_input, ctx) => {
    const name = uploadOf(ctx.runId);
    if (name === undefined) throw new NonRetryableError('There is no picture: send one to POST /examples/images');
    const child = await ctx.start(shrinkImage, { name });
    const { width, height } = await child.result();
    ctx.progress(1, 1, `${width}×${height}`);
    return ctx.file('thumbnail.webp', createReadStream(new Uploads(uploadFolder(process.env)).thumbnailOf(name)), {
      type: 'image/webp',
    });
  },
  onSettled: async ({ id }) => {
    const name = uploadOf(id);
    if (name !== undefined) await new Uploads(uploadFolder(process.env)).remove(name);
  },
});

function uploadOf(runId: string): string | undefined {
  const name = runId.startsWith(ID) ? runId.slice(ID.length) : '';
  return Uploads.isName(name) ? name : undefined;
}
