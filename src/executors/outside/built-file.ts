import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * A file of the built package that is loaded into a thread or process: beside the module that asks for it, or, where that
 * was bundled into an application or is run from its source, in the installed package.
 *
 * @throws {Error} when it is nowhere.
 */
export function builtFile(folder: string, name: string): string {
  const beside = fileURLToPath(new URL(`../${folder}/${name}`, import.meta.url));
  if (existsSync(beside)) return beside;
  try {
    // It is dist/executors/thread/index.js.
    const entry = createRequire(import.meta.url).resolve('errand/thread');
    return join(dirname(entry), '..', folder, name);
  } catch (error) {
    throw new Error(`${name} of errand/thread is not beside its module, and errand is not installed`, { cause: error });
  }
}
