import { BatchProcessor } from 'errand';
import { numbers } from './numbers.js';

// node batch-flat.js <items>
const count = Number(process.argv[2]);

const processor = new BatchProcessor({ maxConcurrent: 10 });

async function residentAfter(items: number): Promise<number> {
  await processor.process(numbers(items), () => undefined, { keep: 'none' });
  globalThis.gc?.();
  return process.memoryUsage().rss;
}

const few = await residentAfter(100_000);
const many = await residentAfter(count);
console.log(JSON.stringify({ growth: many / few }));
