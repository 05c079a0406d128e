import { setTimeout as sleep } from 'node:timers/promises';
import { BatchProcessor } from 'errand';
import { numbers } from './numbers.js';

// node batch-slow.js window|sliced <items>
const [way, count] = [process.argv[2], Number(process.argv[3])];

const handler = (item: number): unknown => (item % 100 === 0 ? sleep(50) : undefined);

/** As it is commonly written: five of ten at work wait for the slowest of their slice. */
async function sliced(items: readonly number[]): Promise<void> {
  for (let at = 0; at < items.length; at += 50) {
    const slice = items.slice(at, at + 50);
    await Promise.all(slice.map(handler));
  }
}

const processor = new BatchProcessor({ maxConcurrent: 10 });
const began = performance.now();
if (way === 'sliced') await sliced([...numbers(count)]);
else await processor.process(numbers(count), handler);
console.log(JSON.stringify({ milliseconds: performance.now() - began }));
