import type { ThreadContext } from 'errand/thread';
import sharp from 'sharp';
import { MAX_PIXELS, MAX_SIDE } from './picture-limits.js';
import { Uploads, uploadFolder } from './uploads.js';

/** Which picture. */
export interface ShrinkInput {
  readonly name: string;
}

/** How large the thumbnail is, in pixels. */
export interface ThumbnailSize {
  readonly width: number;
  readonly height: number;
}

/** What a thread executes: makes a picture at most 500×500, upright, without what the camera wrote into it. */
export async function handler({ name }: ShrinkInput, ctx: ThreadContext): Promise<ThumbnailSize> {
  const uploads = new Uploads(uploadFolder(process.env));
  ctx.signal.throwIfAborted();
  const { width, height } = await sharp(uploads.pathOf(name), { limitInputPixels: MAX_PIXELS })
    .rotate()
    .resize(MAX_SIDE, MAX_SIDE, { fit: 'inside', withoutEnlargement: true })
    .timeout({ seconds: 30 })
    .webp({ quality: 80 })
    .toFile(uploads.thumbnailOf(name));
  ctx.signal.throwIfAborted();
  return { width, height };
}
