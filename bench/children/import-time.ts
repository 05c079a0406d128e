import { register } from 'node:module';
import { MessageChannel } from 'node:worker_threads';

// node import-time.js [packages]
const packages = new Set<string>();
if (process.argv[2] === 'packages') await noteWhatIsLoaded();

const began = performance.now();
await import('errand');
const milliseconds = performance.now() - began;
// What the loader tells comes from another thread.
if (process.argv[2] === 'packages') await new Promise((resolve) => setTimeout(resolve, 200));
console.log(JSON.stringify({ milliseconds, packages: [...packages] }));
process.exit();

/** A loader that tells of each module it resolves; it would spoil the time, so it has a process of its own. */
async function noteWhatIsLoaded(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  port1.on('message', (url: string) => {
    const name = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
    if (name !== undefined) packages.add(name);
  });
  const loader = `
    let port;
    export const initialize = (given) => { port = given; };
    export async function load(url, context, next) { port.postMessage(url); return next(url, context); }`;
  register(`data:text/javascript,${encodeURIComponent(loader)}`, { data: port2, transferList: [port2] });
}
