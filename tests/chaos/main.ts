import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chaos } from './harness.js';

const { values } = parseArgs({
  options: { trials: { type: 'string', default: '100' }, seed: { type: 'string' }, sabotage: { type: 'boolean' } },
});
const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
const trials = Number(values.trials);
console.log(`${trials} kills, seed ${seed} (the same work again: npm run chaos -- --trials ${trials} --seed ${seed})`);
const report = await chaos({
  worker: fileURLToPath(new URL('worker.js', import.meta.url)),
  ...{ trials, seed, ...(values.sabotage && { sabotage: 'ack-early' as const }) },
});
const { accepted, recovered, lost, duplicated, unexpected } = report;
console.log(`accepted ${accepted}, recovered ${recovered}`);
for (const [what, runs] of Object.entries({ lost, duplicated, unexpected })) {
  console.log(`${what} ${runs.length}`);
  for (const run of runs.slice(0, 20)) console.log(`  ${run}`);
}
process.exitCode = lost.length + duplicated.length + unexpected.length > 0 ? 1 : 0;
