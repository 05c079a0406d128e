import { open } from 'node:fs/promises';
import { MAX_PIXELS } from './picture-limits.js';

/** The first bytes of the formats that are taken. What sharp could read beside these (SVG, PDF …) leads to more than pictures. */
const FORMATS: readonly RegExp[] = [/^\xff\xd8\xff/, /^\x89PNG\r\n/, /^GIF8[79]a/, /^RIFF[^]{4}WEBP/];

/** What is wrong with a file as a picture; undefined where nothing is. Only its beginning is read. */
export async function wrongWithPicture(path: string): Promise<string | undefined> {
  const start = await firstBytes(path);
  if (!FORMATS.some((format) => format.test(start))) return 'Expected a picture: JPEG, PNG, GIF or WebP';
  // A large package: a server that gets no picture starts without it.
  const { default: sharp } = await import('sharp');
  try {
    const { width, height } = await sharp(path, { limitInputPixels: false }).metadata();
    if (width * height <= MAX_PIXELS) return undefined;
    return `The picture has ${width}×${height} pixels; at most ${MAX_PIXELS} are taken`;
  } catch {
    return 'The picture is broken';
  }
}

async function firstBytes(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(12), 0, 12, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}
