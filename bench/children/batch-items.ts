import { BatchProcessor } from 'errand';
import pMap from 'p-map';
import { numbers } from './numbers.js';

// node batch-items.js ours|peer <items>
const [side, count] = [process.argv[2], Number(process.argv[3])];

const same = (item: number): number => item;
const processor = new BatchProcessor({ maxConcurrent: 10 });
const handle =
  side === 'ours'
    ? async (items: number) => (await processor.process(numbers(items), same)).outcomes.length
    : async (items: number) => (await pMap(numbers(items), same, { concurrency: 10 })).length;

await handle(100_000);
globalThis.gc?.();
const began = performance.now();
if ((await handle(count)) !== count) throw new Error('items are missing');
console.log(JSON.stringify({ milliseconds: performance.now() - began }));
